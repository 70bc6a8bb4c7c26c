import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, SluiceError } from '../../../src/shared/errors.ts';
import { errorResponse, liveHead } from '../../../workers/shard/response.ts';

function parsed(response: Buffer): { status: string; headers: Record<string, string>; body: string } {
  const text = response.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  const [status, ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map(line => line.split(': ', 2).map((part, i) => (i ? part : part.toLowerCase()))),
  );
  return { status: status!, headers, body: text.slice(end + 4) };
}

describe('the head of an endless answer', () => {
  it('ends with the connection: it names no length and no transfer coding', () => {
    const { status, headers, body } = parsed(liveHead('video/mp2t'));
    expect(status).toBe('HTTP/1.1 200 OK');
    expect(body).toBe('');
    expect(headers).toMatchObject({ 'content-type': 'video/mp2t', connection: 'close', 'cache-control': 'no-store' });
    expect(Object.keys(headers)).not.toContain('content-length');
    expect(Object.keys(headers)).not.toContain('transfer-encoding');
  });
});

describe('the answer to a viewer whose stream did not start', () => {
  const held = ERROR_CODES.filter(code => new SluiceError(code, '').status >= 404);

  it.each(held)('for %s is whole: status, length, JSON and when to try again', code => {
    const error = new SluiceError(code, 'Etwas ging schief: größer als erlaubt.');
    const { status, headers, body } = parsed(errorResponse(error));
    expect(status).toMatch(new RegExp(`^HTTP/1\\.1 ${error.status} [A-Z]`));
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body));
    expect(headers).toMatchObject({ 'content-type': 'application/json', connection: 'close' });
    expect(JSON.parse(body)).toEqual(error.toBody());
    expect(headers['retry-after']).toBe(error.retryAfterSeconds > 0 ? String(error.retryAfterSeconds) : undefined);
  });
});
