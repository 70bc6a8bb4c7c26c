import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { clientOf, isAllowed, isLoopback, parseCidrs } from '../../../src/http/client-address.ts';

const PROXIES = parseCidrs(['10.0.0.0/8', 'fd00::/8']);

function client(peer: string | undefined, headers: Record<string, string | string[]> = {}, trusted = PROXIES) {
  return clientOf({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage, trusted);
}

const known = (address: string) => ({ address, trustworthy: true });
const doubtful = (address: string) => ({ address, trustworthy: false });

describe('who a request comes from', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::1', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['10.1.2.3', '10.1.2.3'],
  ])('without forwarding headers it is the peer: %s', (peer, address) => {
    expect(client(peer)).toEqual(known(address));
  });

  it.each([[undefined], [''], ['garbage'], ['127.1']])('is unknown when the peer is (%p)', peer => {
    expect(client(peer)).toEqual(doubtful('unknown'));
    expect(client(peer, { 'x-forwarded-for': '127.0.0.1' })).toEqual(doubtful('unknown'));
  });

  it.each([
    ['forwarded', 'for=127.0.0.1'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-host', 'localhost'],
    ['x-forwarded-proto', 'https'],
    ['x-real-ip', '127.0.0.1'],
    ['x-client-ip', '127.0.0.1'],
    ['true-client-ip', '127.0.0.1'],
    ['cf-connecting-ip', '127.0.0.1'],
    ['x-forwarded-for', ''],
  ])('is doubtful when an untrusted peer sends %s: %p', (header, value) => {
    expect(client('127.0.0.1', { [header]: value })).toEqual(doubtful('127.0.0.1'));
    expect(client('203.0.113.7', { [header]: value }, [])).toEqual(doubtful('203.0.113.7'));
  });

  it('is not made doubtful by any other header', () => {
    expect(client('127.0.0.1', { host: 'x', via: '1.1 proxy', 'user-agent': 'VLC' })).toEqual(known('127.0.0.1'));
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db8::7]:4711', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['192.0.2.1, 203.0.113.7', '203.0.113.7'],
    ['127.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, 10.0.0.1', '203.0.113.7'],
    ['192.0.2.1, 203.0.113.7, 10.0.0.1,fd00::5', '203.0.113.7'],
    ['garbage, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, ::ffff:10.0.0.1', '203.0.113.7'],
  ])('behind a trusted proxy is the nearest one that is no proxy of ours: X-Forwarded-For %p', (header, address) => {
    expect(client('10.0.0.9', { 'x-forwarded-for': header })).toEqual(known(address));
    expect(client('::ffff:10.0.0.9', { 'x-forwarded-for': header })).toEqual(known(address));
  });

  it.each([
    ['10.0.0.5', '10.0.0.5'],
    ['10.0.0.5, 10.0.0.6', '10.0.0.5'],
    ['fd00::5, 10.0.0.6', 'fd00::5'],
    ['garbage, 203.0.113.7, 10.0.0.6', '203.0.113.7'],
  ])('is the farthest one where every one is a proxy of ours: X-Forwarded-For %p', (header, address) => {
    expect(client('10.0.0.9', { 'x-forwarded-for': header })).toEqual(known(address));
  });

  it.each([
    ['for=203.0.113.7', '203.0.113.7'],
    ['For="203.0.113.7:4711";proto=https;by=10.0.0.9', '203.0.113.7'],
    ['proto=https; for=203.0.113.7', '203.0.113.7'],
    ['for="[2001:db8::7]:4711"', '2001:db8::7'],
    ['for="[2001:db8::7]"', '2001:db8::7'],
    ['for=192.0.2.1, for=203.0.113.7;proto=http, for=10.0.0.1', '203.0.113.7'],
  ])('reads the standard header as well: Forwarded %p', (header, address) => {
    expect(client('10.0.0.9', { forwarded: header })).toEqual(known(address));
  });

  it.each([
    ['x-forwarded-for', ''],
    ['x-forwarded-for', 'unknown'],
    ['x-forwarded-for', '203.0.113.7, garbage'],
    ['x-forwarded-for', '203.0.113.7, 10.0.0.1, _hidden'],
    ['x-forwarded-for', 'garbage, 10.0.0.1'],
    ['x-forwarded-for', '1'],
    ['x-forwarded-for', '127.1'],
    ['x-forwarded-for', '0x7f.1'],
    ['x-forwarded-for', '0x7f000001'],
    ['x-forwarded-for', '2130706433'],
    ['x-forwarded-for', '0177.0.0.1'],
    ['x-forwarded-for', '10.1'],
    ['forwarded', 'for=127.1'],
    ['x-forwarded-for', '203.0.113.7,'],
    ['x-forwarded-for', '999.1.1.1'],
    ['x-forwarded-for', '203.0.113.7/24'],
    ['x-forwarded-for', '<script>'],
    ['forwarded', 'for=unknown'],
    ['forwarded', 'for="_secret"'],
    ['forwarded', 'proto=https'],
    ['forwarded', 'xfor=203.0.113.7'],
    ['x-real-ip', '203.0.113.7'],
    ['x-forwarded-proto', 'https'],
  ])('is unknown when the trusted proxy says nothing usable: %s: %p', (header, value) => {
    expect(client('10.0.0.9', { [header]: value })).toEqual(doubtful('unknown'));
  });

  it('takes several headers of one name as one chain', () => {
    expect(client('10.0.0.9', { 'x-forwarded-for': ['192.0.2.1', '203.0.113.7'] })).toEqual(known('203.0.113.7'));
  });
});

describe('a local client', () => {
  it.each([
    ['127.0.0.1', {}, true],
    ['127.5.5.5', {}, true],
    ['::1', {}, true],
    ['::ffff:127.0.0.1', {}, true],
    ['10.0.0.1', {}, false],
    ['203.0.113.7', {}, false],
    ['127.0.0.1', { 'x-forwarded-for': '203.0.113.7' }, false],
    ['127.0.0.1', { 'x-real-ip': '127.0.0.1' }, false],
    ['10.0.0.9', { 'x-forwarded-for': '203.0.113.7' }, false],
    [undefined, {}, false],
  ] as const)('from %s with %j: %p', (peer, headers, local) => {
    expect(isLoopback(client(peer, headers))).toBe(local);
  });
});

describe('the list of addresses that may come in', () => {
  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['10.1.1.1', true],
    ['172.16.0.1', true],
    ['172.32.0.1', false],
    ['192.168.255.255', true],
    ['169.254.1.1', true],
    ['fd12::1', true],
    ['fe80::1', true],
    ['::ffff:192.168.1.1', true],
    ['::ffff:203.0.113.7', false],
    ['203.0.113.7', false],
    ['2001:db8::1', false],
    ['2606:4700::1', false],
  ])('when empty means loopback and private ones: %s is allowed: %p', (peer, allowed) => {
    expect(isAllowed(client(peer), [])).toBe(allowed);
  });

  it.each([
    ['203.0.113.7', ['203.0.113.0/24'], true],
    ['203.0.114.7', ['203.0.113.0/24'], false],
    ['127.0.0.1', ['203.0.113.0/24'], false],
    ['2001:db8::1', ['203.0.113.0/24', '2001:db8::/32'], true],
    ['2001:db9::1', ['203.0.113.0/24', '2001:db8::/32'], false],
    ['::ffff:203.0.113.7', ['203.0.113.7/32'], true],
    ['203.0.113.7', ['::/0'], false],
    ['203.0.113.7', ['0.0.0.0/0'], true],
  ])('%s against %j: %p', (peer, ranges, allowed) => {
    expect(isAllowed(client(peer), parseCidrs(ranges))).toBe(allowed);
  });

  it('keeps out those behind unknown proxies, unless everybody may come in', () => {
    const behind = client('127.0.0.1', { 'x-forwarded-for': '192.168.1.1' });
    expect(isAllowed(behind, [])).toBe(false);
    expect(isAllowed(behind, parseCidrs(['127.0.0.0/8', '192.168.0.0/16']))).toBe(false);
    expect(isAllowed(behind, parseCidrs(['0.0.0.0/0']))).toBe(true);
    expect(isAllowed(client(undefined), parseCidrs(['10.0.0.0/8']))).toBe(false);
  });

  it('judges those behind a trusted proxy by their own address', () => {
    expect(isAllowed(client('10.0.0.9', { 'x-forwarded-for': '203.0.113.7' }), [])).toBe(false);
    expect(isAllowed(client('10.0.0.9', { 'x-forwarded-for': '192.168.1.1' }), [])).toBe(true);
  });
});
