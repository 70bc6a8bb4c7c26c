import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Attempt, type Refusal, THROTTLE_LIMITS, Throttle } from '../../../src/accounts/throttle.ts';

const HOME = '192.0.2.1';
const { maxFailures, windowMs } = THROTTLE_LIMITS;

let nowMs: number;
let throttle: Throttle;
beforeEach(() => {
  nowMs = 50_000;
  throttle = new Throttle(() => nowMs);
});

function begin(account: string, address: string): Attempt {
  const attempt = throttle.begin(account, address);
  if (!('end' in attempt)) throw new Error(`refused for ${attempt.retryAfterSeconds} s`);
  return attempt;
}

function refusalOf(account: string, address: string): Refusal | undefined {
  const attempt = throttle.begin(account, address);
  if (!('end' in attempt)) return attempt;
  attempt.end('abandoned');
  return undefined;
}

function fail(times: number, account: string, address: string): void {
  for (let i = 0; i < times; i++) begin(account, address).end('failed');
}

function delayOf(account: string, address: string): number {
  const attempt = begin(account, address);
  attempt.end('abandoned');
  return attempt.delayMs;
}

describe('the throttle', () => {
  it('delays an address more with each failure, then refuses it, whatever account it asks for', () => {
    const delays: number[] = [];
    for (let i = 0; i < maxFailures; i++) {
      delays.push(delayOf(`user ${i}`, HOME));
      fail(1, `user ${i}`, HOME);
    }
    expect(delays).toEqual([0, 0, 0, 250, 500, 1_000, 1_000, 1_000, 1_000, 1_000]);
    expect(refusalOf('somebody else', HOME)).toEqual({ retryAfterSeconds: 60, first: true });
    expect(refusalOf('somebody else', HOME)).toEqual({ retryAfterSeconds: 60, first: false });
    expect(refusalOf('somebody else', '192.0.2.2')).toBeUndefined();
  });

  it('lets an address try again when the oldest failure that matters is old: the window slides', () => {
    fail(1, 'a', HOME);
    nowMs += 20_000;
    fail(maxFailures - 1, 'a', HOME);
    expect(refusalOf('a', HOME)?.retryAfterSeconds).toBe(40);
    nowMs += windowMs - 20_000;
    fail(1, 'a', HOME);
    expect(refusalOf('a', HOME)?.retryAfterSeconds).toBe(20);
    nowMs += windowMs;
    expect([refusalOf('a', HOME), delayOf('a', HOME)]).toEqual([undefined, 0]);
  });

  it('only delays the owner of an account that strangers guess at', () => {
    for (let i = 0; i < 500; i++) fail(1, 'alice', `198.51.100.${i % 250}`);
    expect(refusalOf('alice', HOME)).toBeUndefined();
    expect(delayOf('alice', HOME)).toBe(THROTTLE_LIMITS.maxDelayMs);
    expect(delayOf('bob', HOME)).toBe(0);
  });

  it('forgives whoever gets in, and not what the same address failed at other accounts', () => {
    fail(4, 'alice', HOME);
    begin('alice', HOME).end('succeeded');
    expect(delayOf('alice', HOME)).toBe(0);
    for (let i = 1; i < maxFailures; i++) {
      fail(1, 'alice', HOME);
      begin('mallory', HOME).end('succeeded');
    }
    fail(1, 'alice', HOME);
    expect(refusalOf('alice', HOME)).toBeDefined();
  });

  it('keeps what strangers failed when the owner gets in', () => {
    fail(6, 'alice', '198.51.100.1');
    begin('alice', HOME).end('succeeded');
    expect(delayOf('alice', HOME)).toBeGreaterThan(0);
  });

  it('counts IPv6 by the network of one customer, and IPv4 in either spelling', () => {
    for (let i = 0; i < maxFailures; i++) fail(1, 'a', `2001:db8:1:2::${i + 1}`);
    expect(refusalOf('a', '2001:db8:1:2:ffff::')).toBeDefined();
    expect(refusalOf('a', '2001:db8:1:3::1')).toBeUndefined();
    fail(maxFailures, 'a', `::ffff:${HOME}`);
    expect(refusalOf('a', HOME)).toBeDefined();
  });

  it('notices during a login that others have failed meanwhile', () => {
    const waiting = begin('a', HOME);
    expect(waiting.refusal()).toBeUndefined();
    fail(maxFailures, 'a', HOME);
    expect(waiting.refusal()).toBeDefined();
  });

  it('lets an address have a bounded number of logins under way, each ended once', () => {
    const attempts = Array.from({ length: THROTTLE_LIMITS.maxPending }, () => begin('a', HOME));
    expect(refusalOf('a', HOME)).toEqual({ retryAfterSeconds: 1, first: false });
    for (let i = 0; i < 3; i++) attempts[0]!.end('abandoned');
    expect(refusalOf('a', HOME)).toBeUndefined();
    begin('a', HOME);
    expect(refusalOf('a', HOME)).toBeDefined();
  });

  it('remembers a bounded number of addresses, the newest', () => {
    throttle = new Throttle(() => nowMs, { ...THROTTLE_LIMITS, maxEntries: 3 });
    for (const last of [1, 2, 3, 1, 4]) fail(4, `user ${last}`, `192.0.2.${last}`);
    expect([1, 2, 3, 4].map(last => delayOf('x', `192.0.2.${last}`) > 0)).toEqual([true, false, true, true]);
  });
});
