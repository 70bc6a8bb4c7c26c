import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { SessionPolicy } from '../../../src/sessions/sessions.ts';
import { failureOf } from '../support/waiting.ts';
import { type Ask, accountOf, SessionRig } from './session-rig.ts';

const rigs: SessionRig[] = [];
function rigOf(policy?: SessionPolicy): SessionRig {
  const rig = new SessionRig(policy);
  rigs.push(rig);
  return rig;
}
afterEach(() => {
  for (const { sessions } of rigs.splice(0)) sessions.close();
});

const OTHER = { address: '198.51.100.7', agent: 'phone' };
const two = { account: { maxConnections: 2 } };

describe('a session', () => {
  it('tells who watches what, and what came of it', () => {
    const rig = rigOf();
    const id = rig.watch({ channel: 7 });
    rig.table.addBytes(1, 500);
    rig.table.setLagBytes(1, 40);
    rig.table.addSkip(1);
    expect(rig.sessions.get(id)).toEqual({
      id,
      accountId: 1,
      username: 'alice',
      channelId: 7,
      channelName: 'Channel 7',
      format: 'ts',
      stream: 'stream-7',
      address: '192.0.2.1',
      userAgent: 'tv',
      startedAtMs: 100_000,
      connections: 1,
      bytes: 500,
      lagBytes: 40,
      skips: 1,
    });
    rig.nowMs += 2_500;
    rig.leave(1);
    expect([rig.sessions.get(id), rig.sessions.list(), rig.sessions.activeOf(1), rig.sessions.count]).toEqual([
      undefined,
      [],
      0,
      0,
    ]);
    expect(rig.sessions.history()).toMatchObject([{ id, bytes: 500, skips: 1, seconds: 2.5, reason: 'client-gone' }]);
    expect(rig.said).toEqual(['1 shows 7', '1 client-gone 500 B 2.5 s']);
  });

  it('is found by account, channel and address', () => {
    const rig = rigOf();
    rig.watch({ channel: 1 });
    rig.watch({ channel: 1, account: { id: 2, username: 'bob' }, ...OTHER });
    rig.watch({ channel: 2, account: { id: 3, username: 'carl' } });
    const ids = (filter: Parameters<typeof rig.sessions.list>[0]): number[] =>
      rig.sessions.list(filter).map(({ id }) => id);
    expect([ids({}), ids({ accountId: 2 }), ids({ channelId: 1 }), ids({ address: '192.0.2.1' })]).toEqual([
      [1, 2, 3],
      [2],
      [1, 2],
      [1, 3],
    ]);
    expect(ids({ channelId: 1, address: OTHER.address, accountId: 1 })).toEqual([]);
  });

  it('that an administrator ends does not count from that moment on', () => {
    const rig = rigOf();
    const id = rig.watch();
    expect([rig.sessions.end(id), rig.sessions.end(id), rig.sessions.end(99)]).toEqual([true, false, false]);
    expect([rig.sessions.activeOf(1), rig.sentAway]).toEqual([0, ['1 kicked']]);
    rig.settle();
    expect(rig.said).toEqual(['1 shows 1', '1 kicked 0 B 0 s']);
  });

  it('that was sent away tells that as its reason, even if the viewer happens to leave first', () => {
    const rig = rigOf();
    rig.sessions.end(rig.watch());
    rig.leave(1, 'client-gone');
    expect(rig.sessions.history()).toMatchObject([{ reason: 'kicked' }]);
  });

  it('leaves a bounded history, the last one first', () => {
    const rig = rigOf();
    for (let i = 1; i <= 1_005; i++) {
      rig.watch({ channel: i });
      rig.leave(rig.newest);
    }
    const ids = rig.sessions.history().map(({ id }) => id);
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([1_000, 1_005, 6]);
    expect(rig.sessions.history({ channelId: 1_000 }, 5).map(({ id }) => id)).toEqual([1_000]);
    expect(rig.sessions.history({}, 2).map(({ id }) => id)).toEqual([1_005, 1_004]);
  });
});

describe('an account with more sessions than it may have', () => {
  it('zaps with a single one: the new channel stays, the old one goes', () => {
    const rig = rigOf();
    const a = rig.watch({ channel: 1 });
    const b = rig.watch({ channel: 2 });
    expect([rig.counted, rig.sentAway]).toEqual([[b], ['1 replaced']]);
    rig.settle();
    expect(rig.sessions.history()).toMatchObject([{ id: a, reason: 'replaced' }]);
  });

  it('keeps the newcomer and ends its oldest one', () => {
    const rig = rigOf();
    rig.watch({ ...two, address: '192.0.2.1' });
    const second = rig.watch({ ...two, address: '192.0.2.2' });
    const third = rig.watch({ ...two, address: '192.0.2.3' });
    expect([rig.counted, rig.sentAway]).toEqual([[second, third], ['1 limit']]);
  });

  it('ends that of the same device first, then one of the same address', () => {
    const rig = rigOf();
    const far = rig.watch({ ...two, ...OTHER });
    rig.watch({ ...two, channel: 2 });
    const phone = rig.watch({ ...two, channel: 3 });
    expect([rig.counted, rig.sentAway.splice(0)]).toEqual([[far, phone], ['2 replaced']]);
    const tablet = rig.watch({ ...two, channel: 4, agent: 'tablet' });
    expect([rig.counted, rig.sentAway]).toEqual([[far, tablet], ['3 limit']]);
  });

  it('ends, of several of one device, the one that shows the channel that is opened again', () => {
    const rig = rigOf();
    const first = rig.watch({ ...two, channel: 1 });
    rig.watch({ ...two, channel: 2 });
    rig.nowMs += 60_000; // The player lost its connection and comes back before that is noticed.
    const again = rig.watch({ ...two, channel: 2 });
    expect([rig.counted, rig.sentAway]).toEqual([[first, again], ['2 replaced']]);
  });

  it('ends as many as it takes when the limit was lowered', () => {
    const rig = rigOf();
    for (let i = 1; i <= 4; i++) rig.watch({ channel: i, account: { maxConnections: 0 }, address: `192.0.2.${i}` });
    const last = rig.watch({ channel: 9, account: { maxConnections: 2 }, ...OTHER });
    expect([rig.counted, rig.sentAway]).toEqual([
      [4, last],
      ['1 limit', '2 limit', '3 limit'],
    ]);
  });

  it('may have any number where there is no limit', () => {
    const rig = rigOf();
    for (let i = 1; i <= 30; i++) rig.watch({ channel: i, account: { maxConnections: 0 } });
    expect([rig.sessions.activeOf(1), rig.sentAway]).toEqual([30, []]);
  });

  it('does not touch the sessions of others', () => {
    const rig = rigOf();
    const bob = rig.watch({ account: { id: 2, username: 'bob' } });
    rig.watch({ channel: 1 });
    const last = rig.watch({ channel: 2 });
    expect(rig.counted).toEqual([bob, last]);
  });

  it('loses nothing when the newcomer cannot come in', async () => {
    const rig = rigOf();
    const id = rig.watch();
    rig.full = true;
    expect(await failureOf(() => rig.watch({ channel: 2 }))).toMatchObject({ code: 'viewers_full' });
    expect([rig.counted, rig.sentAway]).toEqual([[id], []]);
  });
});

describe('the policy to refuse', () => {
  it('refuses another device, and says so', async () => {
    const rig = rigOf('refuse');
    const id = rig.watch();
    expect(await failureOf(() => rig.watch({ channel: 2, ...OTHER }))).toMatchObject({
      code: 'sessions_full',
      status: 403,
    });
    expect([rig.counted, rig.sentAway]).toEqual([[id], []]);
    rig.leave(1);
    expect(rig.counted).toEqual([]);
    rig.watch({ channel: 2, ...OTHER });
    expect(rig.sessions.activeOf(1)).toBe(1);
  });

  it('never refuses zapping', () => {
    const rig = rigOf('refuse');
    for (let channel = 1; channel <= 5; channel++) rig.watch({ channel });
    expect([rig.counted, rig.sentAway]).toEqual([[5], ['1 replaced', '2 replaced', '3 replaced', '4 replaced']]);
  });
});

describe('a player that opens several connections for one channel', () => {
  it('has one session, until the last of them is closed', () => {
    const rig = rigOf();
    const ids = Array.from({ length: 6 }, () => {
      rig.nowMs += 2_900;
      return rig.watch();
    });
    expect([new Set(ids).size, rig.sessions.activeOf(1), rig.sentAway]).toEqual([1, 1, []]);
    rig.table.addBytes(3, 100);
    rig.table.addBytes(6, 7);
    rig.table.setLagBytes(3, 900);
    expect(rig.sessions.get(1)).toMatchObject({ connections: 6, bytes: 107, lagBytes: 0 });
    for (let id = 1; id <= 5; id++) rig.leave(id);
    expect(rig.sessions.get(1)).toMatchObject({ connections: 1, bytes: 107 });
    rig.leave(6);
    expect(rig.sessions.history()).toMatchObject([{ id: 1, bytes: 107 }]);
  });

  it('has another session when the next comes later than that, from elsewhere, or for another channel', () => {
    const rig = rigOf();
    const account = { maxConnections: 0 };
    rig.watch({ account });
    for (const ask of [{ channel: 2 }, { agent: 'box' }, { address: '192.0.2.9' }, { account: { ...account, id: 2 } }])
      rig.watch({ account, ...ask });
    rig.nowMs += 3_000;
    rig.watch({ account });
    expect(rig.counted).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is ended whole when the player zaps', () => {
    const rig = rigOf();
    for (let i = 0; i < 3; i++) rig.watch({ channel: 1 });
    rig.watch({ channel: 2 });
    expect([rig.counted, rig.sentAway]).toEqual([[2], ['1 replaced', '2 replaced', '3 replaced']]);
    rig.settle();
    expect(rig.said.filter(line => line.startsWith('1 '))).toEqual(['1 shows 1', '1 replaced 0 B 0 s']);
  });

  it('cannot hide any number of viewers behind one session', () => {
    const rig = rigOf();
    for (let i = 0; i < 9; i++) rig.watch();
    expect([rig.sessions.activeOf(1), rig.counted, rig.sentAway.length]).toEqual([1, [2], 8]);
  });

  it('does not come back into a session that was ended', () => {
    const rig = rigOf();
    rig.sessions.end(rig.watch());
    expect(rig.watch()).toBe(2);
  });
});

describe('sessions of an account that changes', () => {
  it('end when it is disabled, banned, removed or expires, and not else', () => {
    const rig = rigOf();
    const account = accountOf({ id: 1 });
    for (let id = 1; id <= 6; id++)
      rig.watch({ account: { id, username: `u${id}`, expiresAt: id === 6 ? 110 : null } });
    const change = (id: number, now: Partial<typeof account> | undefined): void =>
      rig.sessions.accountChanged({ id, usernames: [], account: now && accountOf({ id, ...now }) });
    change(1, { status: 'disabled' });
    change(2, { status: 'banned' });
    change(3, undefined);
    change(4, { expiresAt: 50 });
    change(5, { username: 'renamed', notes: 'x', maxConnections: 9 });
    expect([rig.counted, rig.sentAway.map(line => line.split(' ')[1])]).toEqual([
      [5, 6],
      Array(4).fill('account-closed'),
    ]);
    expect(rig.sessions.get(5)!.username).toBe('renamed');
    rig.nowMs = 109_999;
    rig.sessions.endExpired();
    expect(rig.counted).toEqual([5, 6]);
    rig.nowMs = 110_000;
    rig.sessions.endExpired();
    expect(rig.counted).toEqual([5]);
  });
});

describe('whatever happens', () => {
  const ask = fc.record({
    channel: fc.integer({ min: 1, max: 3 }),
    address: fc.constantFrom('192.0.2.1', '192.0.2.2'),
    agent: fc.constantFrom('tv', 'phone'),
    account: fc.constantFrom(accountOf({ id: 1, maxConnections: 1 }), accountOf({ id: 2, maxConnections: 2 })),
  });
  const step = fc.oneof(
    { weight: 4, arbitrary: ask.map(what => ({ kind: 'watch', what }) as const) },
    { weight: 3, arbitrary: fc.nat(20).map(which => ({ kind: 'leave', which }) as const) },
    { weight: 1, arbitrary: fc.nat(5_000).map(ms => ({ kind: 'wait', ms }) as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'settle' } as const) },
    { weight: 1, arbitrary: fc.nat(40).map(which => ({ kind: 'kick', which }) as const) },
  );

  it.each(['end-oldest', 'refuse'] as const)('no account exceeds its limit, and the newest is in (%s)', policy => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const rig = rigOf(policy);
        for (const { kind, ...rest } of steps) {
          const { what, which = 0, ms = 0 } = rest as { what?: Ask; which?: number; ms?: number };
          if (kind === 'watch') watch(rig, policy, what!);
          else if (kind === 'wait') rig.nowMs += ms;
          else if (kind === 'settle') rig.settle();
          else if (kind === 'kick') rig.sessions.end(which);
          else leaveOne(rig, which);
          checkBooks(rig);
        }
        rig.settle();
        for (const id of [...rig.viewers.keys()]) rig.leave(id);
        expect([rig.sessions.count, rig.sessions.activeOf(1), rig.sessions.activeOf(2)]).toEqual([0, 0, 0]);
      }),
    );
  });

  function watch(rig: SessionRig, policy: SessionPolicy, what: Ask): void {
    try {
      const id = rig.watch(what);
      expect(rig.counted).toContain(id);
    } catch (error) {
      if (policy !== 'refuse' || (error as { code?: string }).code !== 'sessions_full') throw error;
    }
  }

  function leaveOne(rig: SessionRig, which: number): void {
    const away = new Set(rig.sentAway.map(line => Number(line.split(' ')[0])));
    const there = [...rig.viewers.keys()].filter(id => !away.has(id));
    if (there.length > 0) rig.leave(there[which % there.length]!);
  }

  function checkBooks(rig: SessionRig): void {
    expect(rig.sessions.activeOf(1)).toBeLessThanOrEqual(1);
    expect(rig.sessions.activeOf(2)).toBeLessThanOrEqual(2);
    expect(rig.sessions.count).toBe(rig.sessions.activeOf(1) + rig.sessions.activeOf(2));
    const connections = rig.sessions.list().reduce((sum, session) => sum + session.connections, 0);
    expect(connections).toBe(rig.viewers.size - rig.sentAway.length);
  }
});
