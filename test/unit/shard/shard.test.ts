import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Budget } from '../../../src/shared/budget.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { EndReason, Lease, LeaseRequest, ShardNotification } from '../../../src/shared/protocol.ts';
import { ReaderTable, ShardCounters } from '../../../src/shared/reader-table.ts';
import type { StreamSpec } from '../../../src/shared/stream-spec.ts';
import { relayHub } from '../../../workers/shard/relay-outlet.ts';
import { HeapSegments } from '../../../workers/shard/segments.ts';
import { Shard } from '../../../workers/shard/shard.ts';
import { SHARD_SETTINGS } from '../support/settings.ts';
import { until, within } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);

/** What the shard asked the front for, to be answered by the test. */
interface Question {
  request: Omit<LeaseRequest, 'leaseId'>;
  grant: (lease: Lease) => void;
  refuse: (error: SluiceError) => void;
}

const budget = new Budget({ shards: 1, streams: 1_000, segments: 8_000 });
const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** A shard, the front's ends of its viewers' relays, and what it says. */
class Rig {
  readonly told: ShardNotification[] = [];
  readonly questions: Question[] = [];
  readonly released: number[] = [];
  readonly #shard = new Shard(
    {
      index: 0,
      readers: new ReaderTable(8).buffer,
      counters: new ShardCounters().buffer,
      epollFd: undefined,
      settings: { ...SHARD_SETTINGS, logBytes: 1 << 20 },
      budget: { buffer: budget.buffer, limits: budget.limits },
    },
    notification => this.told.push(notification),
    {
      acquire: request => new Promise((grant, refuse) => this.questions.push({ request, grant, refuse })),
      sessionOpened: () => {},
      flowing: () => {},
      release: ({ leaseId }) => this.released.push(leaseId),
    },
    { relay: relayHub, handoff: undefined },
    budget,
    new HeapSegments(budget, 0),
  );
  readonly handlers = this.#shard.handlers;
  #nextId = 0;

  /** A viewer; closing the port is leaving. */
  viewer(key = HASH): MessagePort {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1);
    port1.on('message', () => {});
    const id = this.#nextId++;
    const selector = { kind: 'infohash', value: key } as const;
    const stream: StreamSpec = { key, sources: [{ kind: 'engine', content: key, selector, options: {} }] };
    this.#shard.attach({ type: 'attach', readerId: id, slot: id, stream, outlet: { kind: 'relay', port: port2 } });
    return port1;
  }

  end(readerId: number, reason: EndReason, key = HASH): void {
    this.#shard.end({ type: 'end', readerId, key, reason });
  }

  get states(): string[] {
    return this.told.flatMap(told => (told.type === 'streamState' ? [told.state] : []));
  }

  get detached(): (string | undefined)[] {
    return this.told.flatMap(told => (told.type === 'readerDetached' ? [told.reason] : []));
  }
}

const lease = (leaseId: number): Lease => ({ leaseId, engineUrl: 'http://127.0.0.1:9', pid: 'p' });

describe('a shard', () => {
  it('opens one stream for all viewers of one key, and one for each key', async () => {
    const rig = new Rig();
    for (const key of [HASH, HASH, 'b'.repeat(40)]) rig.viewer(key);
    await until('the leases are asked for', () => rig.questions.length === 2);
    expect(rig.questions.map(({ request }) => request.content)).toEqual([HASH, 'b'.repeat(40)]);
    expect((await rig.handlers.streams({})).map(({ readers }) => readers)).toEqual([1, 2]); // The newer first.
  });

  it('lets a viewer who returns while its stream is still closing wait for the next run', async () => {
    const rig = new Rig();
    rig.viewer().close();
    await until('the stream is closing', () => rig.states.includes('closing'));
    rig.viewer();
    const both = (await rig.handlers.streams({})).map(({ state, readers }) => `${state} ${readers}`);
    expect(both).toEqual(['starting 1', 'closing 0']); // The one that new viewers get comes first.
    await new Promise(resolve => setImmediate(resolve));
    // One content has one session: nothing is asked for before the former run has given its lease back.
    expect([rig.questions.length, rig.released, rig.detached]).toEqual([1, [], ['client-gone']]);
    rig.questions[0]!.grant(lease(1));
    await until('the next run asks', () => rig.questions.length === 2);
    expect([rig.released, rig.detached]).toEqual([[1], ['client-gone']]);
    expect((await rig.handlers.streams({})).map(({ state, readers }) => [state, readers])).toEqual([['starting', 1]]);
  });

  it('knows no limit of streams: the front refuses the lease, and the viewer is told', async () => {
    const rig = new Rig();
    for (let i = 0; i < 8; i++) rig.viewer(i.toString(16).padStart(40, '0'));
    await until('the leases are asked for', () => rig.questions.length === 8);
    rig.questions[7]!.refuse(new SluiceError('streams_full', 'Full.'));
    await until('the viewer is told', () => rig.detached.length === 1);
    expect(rig.told.find(({ type }) => type === 'readerDetached')).toMatchObject({
      readerId: 7,
      reason: 'start-failed',
    });
    expect(await rig.handlers.streams({})).toHaveLength(7);
  });

  it('sends one viewer away, for the reason given, and no other', async () => {
    const rig = new Rig();
    const [first, second] = [rig.viewer(), rig.viewer()];
    const answered = new Promise<string>(resolve =>
      first.on('message', ({ chunk }: { chunk?: Uint8Array }) => chunk && resolve(Buffer.from(chunk).toString())),
    );
    rig.end(0, 'limit');
    rig.end(0, 'kicked'); // It has left meanwhile.
    rig.end(9, 'kicked');
    rig.end(1, 'kicked', 'b'.repeat(40)); // Not one of that stream.
    expect(rig.detached).toEqual(['limit']);
    expect(await within('the answer', answered)).toMatch(/^HTTP\/1\.1 403 [\s\S]*"session_ended"/);
    expect((await rig.handlers.streams({})).map(({ state, readers }) => [state, readers])).toEqual([['starting', 1]]);
    second.close();
    await until('the other one is gone', () => rig.detached.length === 2);
  });

  it('closes the stream of a key once', async () => {
    const rig = new Rig();
    rig.viewer();
    await until('the lease is asked for', () => rig.questions.length === 1);
    expect(await rig.handlers.closeStream({ key: HASH })).toEqual({ closed: true });
    expect(await rig.handlers.closeStream({ key: HASH })).toEqual({ closed: false });
    expect(await rig.handlers.closeStream({ key: 'b'.repeat(40) })).toEqual({ closed: false });
    expect(rig.detached).toEqual(['closed-by-operator']);
    rig.questions[0]!.grant(lease(1));
    await until('the stream is closed', () => rig.states.includes('closed'));
    expect(await rig.handlers.streams({})).toEqual([]);
  });

  it('that drains takes no new viewer, and answers when every session is over', async () => {
    const rig = new Rig();
    rig.viewer();
    await until('the lease is asked for', () => rig.questions.length === 1);
    let answer: object | undefined;
    void Promise.resolve(rig.handlers.drain({})).then(drained => (answer = drained));
    rig.viewer('b'.repeat(40));
    await new Promise(resolve => setImmediate(resolve));
    expect([answer, rig.detached, rig.questions.length]).toEqual([undefined, ['shutdown', 'shutdown'], 1]);
    rig.questions[0]!.grant(lease(1));
    await until('it has drained', () => answer !== undefined);
    expect([answer, rig.released]).toEqual([{ streams: 1 }, [1]]);
  });

  it('tells how its thread has been since it was last asked', async () => {
    const rig = new Rig();
    const { eventLoopDelayP99Ms, eventLoopUtilization } = await rig.handlers.vitals({});
    expect(eventLoopDelayP99Ms).toBeGreaterThanOrEqual(0);
    expect(eventLoopUtilization).toBeGreaterThanOrEqual(0);
    expect(eventLoopUtilization).toBeLessThanOrEqual(1);
  });
});
