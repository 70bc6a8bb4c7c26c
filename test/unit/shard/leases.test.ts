import { describe, expect, it } from '@jest/globals';
import type { EngineSession } from '../../../src/engine/engine-wire.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { Lease, LeaseRequest, ShardNotification } from '../../../src/shared/protocol.ts';
import { type Leases, leasesOver } from '../../../workers/shard/source/leases.ts';
import { failureOf, within } from '../support/waiting.ts';

const WISH = { content: 'a'.repeat(40), avoid: ['http://127.0.0.1:1'], waitMs: 20_000 };
const SESSION: EngineSession = {
  infohash: 'b'.repeat(40),
  playbackPath: '/ace/r/1',
  statPath: '/ace/stat/1',
  commandPath: '/ace/cmd/1',
  isLive: true,
};

interface Asked {
  request: LeaseRequest;
  timeoutMs: number;
  grant: (lease: Lease) => void;
  refuse: (error: SluiceError) => void;
}

/** Leases over a link whose other end is the test. */
function rig(): { leases: Leases; asked: Asked[]; told: ShardNotification[] } {
  const asked: Asked[] = [];
  const told: ShardNotification[] = [];
  const leases = leasesOver({
    request: (_, request, timeoutMs) =>
      new Promise((grant, refuse) => asked.push({ request, timeoutMs, grant, refuse })),
    notify: notification => told.push(notification),
  });
  return { leases, asked, told };
}

const leaseOf = ({ request }: Asked): Lease => ({
  leaseId: request.leaseId,
  engineUrl: 'http://127.0.0.1:6878',
  pid: 'p',
});
const returned = (leaseId: number) => ({ type: 'leaseReturned', leaseId, failure: undefined });

describe('the leases of a shard', () => {
  it('are asked for under numbers of their own, with more time than the front may take', async () => {
    const { leases, asked, told } = rig();
    const { signal } = new AbortController();
    const both = Promise.all([leases.acquire(WISH, signal), leases.acquire({ ...WISH, waitMs: 0 }, signal)]);
    expect(asked.map(({ request }) => request)).toEqual([
      { ...WISH, leaseId: 1 },
      { ...WISH, waitMs: 0, leaseId: 2 },
    ]);
    for (const { request, timeoutMs } of asked) expect(timeoutMs - request.waitMs).toBeGreaterThan(5_000);
    for (const one of asked) one.grant(leaseOf(one));
    expect((await within('both leases', both)).map(({ leaseId }) => leaseId)).toEqual([1, 2]);
    expect(told).toEqual([]);
  });

  it('are told of, and given back, under these numbers', () => {
    const { leases, told } = rig();
    const lease = { leaseId: 5, engineUrl: 'http://127.0.0.1:6878', pid: 'p' };
    leases.sessionOpened(lease, SESSION);
    leases.flowing(lease);
    leases.release(lease, 'no_peers');
    expect(told).toEqual([
      { type: 'sessionOpened', leaseId: 5, infohash: SESSION.infohash, commandPath: SESSION.commandPath },
      { type: 'leaseFlowing', leaseId: 5 },
      { type: 'leaseReturned', leaseId: 5, failure: 'no_peers' },
    ]);
  });

  it('are taken back when the signal fires while they are waited for, and a late answer is ignored', async () => {
    for (const answer of ['grant', 'refuse'] as const) {
      const { leases, asked, told } = rig();
      const abort = new AbortController();
      const refused = failureOf(() => leases.acquire(WISH, abort.signal));
      abort.abort();
      expect(await within('the rejection', refused)).toMatchObject({ code: 'stream_closed' });
      if (answer === 'grant') asked[0]!.grant(leaseOf(asked[0]!));
      else asked[0]!.refuse(new SluiceError('stream_closed', 'Taken back.'));
      await new Promise(resolve => setImmediate(resolve));
      expect(told).toEqual([returned(1)]);
    }
  });

  it('are not asked for when the signal has fired before', async () => {
    const { leases, asked, told } = rig();
    const error = await failureOf(() => leases.acquire(WISH, AbortSignal.abort()));
    expect(error).toMatchObject({ code: 'stream_closed' });
    expect([asked, told]).toEqual([[], []]);
  });

  it('are left to their holder when the signal fires after they were granted', async () => {
    const { leases, asked, told } = rig();
    const abort = new AbortController();
    const lease = leases.acquire(WISH, abort.signal);
    asked[0]!.grant(leaseOf(asked[0]!));
    expect(await within('the lease', lease)).toMatchObject({ leaseId: 1 });
    abort.abort();
    expect(told).toEqual([]);
  });

  it('are given back when the front does not answer in time, because it might grant them later', async () => {
    const { leases, asked, told } = rig();
    const refused = failureOf(() => leases.acquire(WISH, new AbortController().signal));
    asked[0]!.refuse(new SluiceError('link_timeout', 'Late.'));
    expect(await within('the rejection', refused)).toMatchObject({ code: 'link_timeout' });
    expect(told).toEqual([returned(1)]);
  });

  it('are not given back when the front has refused them', async () => {
    const { leases, asked, told } = rig();
    const refused = failureOf(() => leases.acquire(WISH, new AbortController().signal));
    asked[0]!.refuse(new SluiceError('engines_full', 'Full.'));
    expect(await within('the rejection', refused)).toMatchObject({ code: 'engines_full' });
    expect(told).toEqual([]);
  });
});
