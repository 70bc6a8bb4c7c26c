import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { type AddressClass, AddressGuard, classOf, type Network } from '../../../src/upstream/address-guard.ts';
import { failureOf } from '../support/waiting.ts';

const REFUSAL = 'No private ones.';

const NAT64_OF = (ipv4: string): string =>
  `64:ff9b::${ipv4
    .split('.')
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .replace(/^(....)/, '$1:')}`;

describe('an address', () => {
  it.each<[address: string, kind: AddressClass]>([
    ['8.8.8.8', 'public'],
    ['93.184.216.34', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.1', 'public'],
    ['100.63.255.255', 'public'],
    ['100.128.0.1', 'public'],
    ['2606:4700::1111', 'public'],
    ['2a00:1450:4001::1', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['::ffff:0808:0808', 'public'],
    [NAT64_OF('8.8.8.8'), 'public'],

    ['127.0.0.1', 'private'],
    ['127.255.255.254', 'private'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['100.127.255.255', 'private'],
    ['192.0.0.1', 'private'],
    ['192.0.2.1', 'private'],
    ['198.18.0.1', 'private'],
    ['198.51.100.1', 'private'],
    ['203.0.113.1', 'private'],
    ['240.0.0.1', 'private'],
    ['::1', 'private'],
    ['0:0:0:0:0:0:0:1', 'private'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'private'],
    ['2001:db8::1', 'private'],
    ['::ffff:127.0.0.1', 'private'],
    ['::ffff:7f00:1', 'private'],
    ['::FFFF:10.0.0.1', 'private'],
    [NAT64_OF('127.0.0.1'), 'private'],
    [NAT64_OF('10.1.2.3'), 'private'],

    ['0.0.0.0', 'unusable'],
    ['0.1.2.3', 'unusable'],
    ['::', 'unusable'],
    ['169.254.169.254', 'unusable'],
    ['169.254.0.1', 'unusable'],
    ['::ffff:169.254.169.254', 'unusable'],
    [NAT64_OF('169.254.169.254'), 'unusable'],
    ['64:ff9b:1::1', 'unusable'],
    ['fe80::1', 'unusable'],
    ['fe80::1%eth0', 'unusable'],
    ['fec0::1', 'unusable'],
    ['224.0.0.1', 'unusable'],
    ['239.255.255.250', 'unusable'],
    ['255.255.255.255', 'unusable'],
    ['ff02::1', 'unusable'],
    ['2002:7f00:1::', 'unusable'],
    ['2002:0808:0808::1', 'unusable'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'unusable'],
    ['::127.0.0.1', 'unusable'],
    ['::8.8.8.8', 'unusable'],
    ['::ffff:0:127.0.0.1', 'unusable'],
    ['100::1', 'unusable'],
    ['5f00::1', 'unusable'],
    ['', 'unusable'],
    ['localhost', 'unusable'],
    ['127.0.0.1.evil.test', 'unusable'],
    ['1.2.3.4.5', 'unusable'],
  ])('%s is %s', (address, kind) => {
    expect(classOf(address)).toBe(kind);
  });
});

/** A guard whose names resolve to what the test says, one list for each time they are asked for. */
function guarded(answers: string[][], refusePrivate: string | undefined) {
  const asked: string[] = [];
  const network: Network = {
    classify: classOf,
    resolve: async hostname => {
      asked.push(hostname);
      const addresses = answers[Math.min(asked.length, answers.length) - 1]!;
      return addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
  const guard = new AddressGuard(network, refusePrivate);
  const lookup = (all = true): Promise<unknown> =>
    new Promise((resolve, reject) => {
      guard.lookup('tv.example', { all }, (error, address, family) =>
        error === null ? resolve(all ? address : [address, family]) : reject(error),
      );
    });
  return { guard, lookup, asked };
}

describe('a guard', () => {
  it('hands on what a name resolves to, in the form that the socket asks for', async () => {
    const { guard, lookup, asked } = guarded([['8.8.8.8', '2606:4700::1']], REFUSAL);
    expect(await lookup()).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
    expect(await lookup(false)).toEqual(['8.8.8.8', 4]);
    expect([asked, guard.reachedPublic]).toEqual([['tv.example', 'tv.example'], true]);
  });

  it.each([[['8.8.8.8', '10.0.0.1']], [['10.0.0.1', '8.8.8.8']], [['8.8.8.8', '::ffff:127.0.0.1']]])(
    'refuses a name of which any address is private: %j',
    async addresses => {
      const error = await failureOf(() => guarded([addresses], REFUSAL).lookup());
      expect(error).toMatchObject({ code: 'source_not_allowed', message: REFUSAL });
    },
  );

  it('judges each answer anew, so a name that turns private after it was checked is refused', async () => {
    const { lookup } = guarded([['8.8.8.8'], ['127.0.0.1']], REFUSAL);
    await lookup();
    expect(await failureOf(() => lookup())).toMatchObject({ code: 'source_not_allowed' });
  });

  it('lets private addresses through where they are allowed, and never unusable ones', async () => {
    const { guard, lookup } = guarded([['10.0.0.1', '::1'], ['169.254.169.254']], undefined);
    expect(await lookup()).toHaveLength(2);
    expect(guard.reachedPublic).toBe(false);
    expect(await failureOf(() => lookup())).toMatchObject({ code: 'source_not_allowed' });
    expect(() => guard.checkLiteral('[::1]')).not.toThrow();
    expect(() => guard.checkLiteral('169.254.169.254')).toThrow('link-local');
  });

  it('fails for a name without addresses, and with what resolving it failed with', async () => {
    expect(await failureOf(() => guarded([[]], REFUSAL).lookup())).toMatchObject({ code: 'source_unavailable' });
    const broken = new AddressGuard(
      { classify: classOf, resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) },
      undefined,
    );
    const error = await failureOf(
      () =>
        new Promise((resolve, reject) => {
          broken.lookup('tv.example', {}, failure => (failure === null ? resolve(0) : reject(failure)));
        }),
    );
    expect(error).toMatchObject({ code: 'ENOTFOUND' });
  });

  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.1/',
    'http://017700000001/',
    'http://0177.0.0.1/',
    'http://127.0.0.1./',
    'http://１２７.０.０.１/',
    'http://127。0。0。1/',
    'http://%31%32%37.0.0.1/',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[::]/',
    'http://0/',
    'http://0.0.0.0/',
    'http://169.254.169.254/latest/meta-data',
    'http://10.0.0.1:8080/',
    'http://user@192.168.0.1/',
    'http://100.64.0.1/',
    'http://224.0.0.1/',
  ])('refuses the literal of %s', address => {
    const { guard, asked } = guarded([['8.8.8.8']], REFUSAL);
    expect(() => guard.checkLiteral(new URL(address).hostname)).toThrow();
    expect(asked).toEqual([]);
  });

  it.each(['http://8.8.8.8/', 'http://[2606:4700::1]/', 'http://tv.example/', 'http://localhost/'])(
    'leaves %s to the socket',
    address => {
      expect(() => guarded([[]], REFUSAL).guard.checkLiteral(new URL(address).hostname)).not.toThrow();
    },
  );
});
