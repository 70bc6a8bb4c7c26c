import { describe, expect, it } from '@jest/globals';
import { ResponseError, ResponseReader } from '../../../benchmarks/lib/response-reader.ts';

function read(response: string, pieceBytes: number): { status: number | null; body: string } {
  let body = '';
  const reader = new ResponseReader((bytes, from, to) => {
    body += Buffer.from(bytes.subarray(from, to)).toString('latin1');
  });
  // As on a socket: always the same buffer, filled from its start.
  const buffer = new Uint8Array(4096);
  for (let at = 0; at < response.length; at += pieceBytes) {
    const piece = Buffer.from(response.slice(at, at + pieceBytes), 'latin1');
    buffer.set(piece);
    reader.push(buffer, piece.length);
  }
  return { status: reader.status, body };
}

describe.each([1, 2, 5, 4096])('ResponseReader fed %i bytes at a time', size => {
  it('gives the bytes of a body that ends with the connection', () => {
    const response = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nG one\r\nG two';
    expect(read(response, size)).toEqual({ status: 200, body: 'G one\r\nG two' });
  });

  it('takes the framing off a chunked body', () => {
    const response =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nB;name=x\r\n, viewers\r\n\r\n0\r\n\r\n';
    expect(read(response, size)).toEqual({ status: 200, body: 'hello, viewers\r\n' });
  });

  it('reads the status of a refusal', () => {
    expect(read('HTTP/1.1 503 Service Unavailable\r\n\r\nbusy', size)).toEqual({ status: 503, body: 'busy' });
  });
});

describe('ResponseReader', () => {
  it('rejects what is not HTTP', () => {
    expect(() => read('SSH-2.0-something\r\n\r\n', 4096)).toThrow(ResponseError);
  });
});
