import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { parseCidrs } from '../../../src/http/client-address.ts';
import { publicOriginOf } from '../../../src/http/public-origin.ts';

const PROXY = '10.0.0.1';
const trustedProxies = parseCidrs(['10.0.0.0/8']);

function origin(
  headers: Record<string, string>,
  { peer = PROXY, configured }: { peer?: string; configured?: string } = {},
) {
  const socket = { remoteAddress: peer, localAddress: '::ffff:192.0.2.5', localPort: 8080 };
  const incoming = { socket, headers } as unknown as IncomingMessage;
  const { protocol, host, port } = publicOriginOf(incoming, { configured, trustedProxies });
  return `${protocol}://${host}:${port}`;
}

describe('where players reach the gateway', () => {
  it('is what the operator says, before everything else', () => {
    const forwarded = { host: 'a', 'x-forwarded-host': 'b', 'x-forwarded-proto': 'http' };
    expect(origin(forwarded, { configured: 'https://tv.example' })).toBe('https://tv.example:443');
    expect(origin({}, { configured: 'http://[2001:db8::1]:8000' })).toBe('http://[2001:db8::1]:8000');
  });

  it.each([
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tv.example' }, 'https://tv.example:443'],
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tv.example:8443' }, 'https://tv.example:8443'],
    [
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tv.example', 'x-forwarded-port': '9443' },
      'https://tv.example:9443',
    ],
    [{ 'x-forwarded-proto': 'https, http', host: 'tv.example' }, 'https://tv.example:443'],
    [{ 'x-forwarded-proto': 'HTTPS', host: 'tv.example:8080' }, 'https://tv.example:8080'],
    [{ forwarded: 'for=192.0.2.1;proto=https;host="tv.example:444", for=10.0.0.2' }, 'https://tv.example:444'],
    [{ forwarded: 'proto=https;host=tv.example' }, 'https://tv.example:443'],
    [{ 'x-forwarded-port': 'nonsense', host: 'tv.example:81' }, 'http://tv.example:81'],
  ])('is what a trusted proxy forwards: %j', (headers, expected) => {
    expect(origin(headers as Record<string, string>)).toBe(expected);
  });

  it('is what the Host header says for anybody else, whatever else they send', () => {
    const headers = {
      host: 'real.example:8080',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '1',
      forwarded: 'host=evil.example;proto=https',
    };
    expect(origin(headers, { peer: '203.0.113.9' })).toBe('http://real.example:8080');
  });

  it.each([['evil" onclick'], ['a/b'], ['user@host'], ['a b'], [''], ['host:99999999']])(
    'is the address that was asked when the Host header is %p',
    host => {
      expect(origin({ host }, { peer: '203.0.113.9' })).toBe('http://192.0.2.5:8080');
    },
  );
});
