import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import type { DetachReason, ShardSettings, StreamState } from '../../../src/shared/protocol.ts';
import { ReaderTable, ShardCounters } from '../../../src/shared/reader-table.ts';
import { type FlushResult, FlushScheduler } from '../../../workers/shard/flush-scheduler.ts';
import { Reader } from '../../../workers/shard/reader.ts';
import type { SegmentStore } from '../../../workers/shard/segments.ts';
import type { Feed, FeedSink } from '../../../workers/shard/source/source.ts';
import { Stream } from '../../../workers/shard/stream.ts';
import { segmentsOf } from '../support/logs.ts';
import { ScriptedOutlet } from '../support/scripted-outlet.ts';
import { SHARD_SETTINGS } from '../support/settings.ts';
import { faultsIn, Multiplex, offsetsOf, PACKET_BYTES, PMT_PID, pidAt, pidsOf, VIDEO_PID } from '../support/ts.ts';
import { until, within } from '../support/waiting.ts';

const INFO = {
  contentType: 'video/mp2t',
  infohash: 'a'.repeat(40),
  origin: 'http://engine',
  relation: 'first' as const,
  rank: 0,
};

/** A source that does what the test says. */
class ScriptedFeed implements Feed {
  runs = 0;
  sink!: FeedSink;
  signal!: AbortSignal;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  run(signal: AbortSignal, sink: FeedSink): Promise<void> {
    this.runs++;
    this.sink = sink;
    this.signal = signal;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  end(): void {
    this.#settle.resolve();
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
  }

  get running(): boolean {
    return this.runs > 0;
  }
}

interface Viewer {
  reader: Reader;
  outlet: ScriptedOutlet;
}

/** One stream with everything around it that a shard has. */
class Rig {
  readonly source = new ScriptedFeed();
  readonly table = new ReaderTable(100);
  readonly counters = new ShardCounters();
  readonly states: [StreamState, string | undefined][] = [];
  readonly events: unknown[] = [];
  readonly outages: string[] = [];
  readonly joined: number[] = [];
  readonly skipped: { id: number; bytes: number }[] = [];
  readonly detached: { id: number; reason: DetachReason; code: string | undefined; left: number }[] = [];
  readonly stream: Stream;
  #nextId = 0;

  constructor(settings: Partial<ShardSettings> = {}, segments: SegmentStore = segmentsOf()) {
    this.stream = new Stream(
      { key: 'some-key', sources: [] },
      {
        feed: this.source,
        settings: { ...SHARD_SETTINGS, ...settings },
        flusher: new FlushScheduler(0, () => {}),
        counters: this.counters,
        segments,
        observer: {
          stateChanged: (_, state, reason) => this.states.push([state, reason?.code]),
          event: (_, name, details) => this.events.push([name, details]),
          readerJoined: (_, reader, waitedMs) => {
            expect(waitedMs).toBeGreaterThanOrEqual(0);
            this.joined.push(reader.id);
          },
          readerSkipped: (_, reader, bytes) => this.skipped.push({ id: reader.id, bytes }),
          interrupted: (_, failure) => this.outages.push(failure.code),
          recovered: (_, how) => this.outages.push(how),
          readerDetached: (stream, reader, reason, error) =>
            this.detached.push({ id: reader.id, reason, code: error?.code, left: stream.readerCount }),
        },
      },
    );
  }

  /** A viewer with its outlet; its id is its place in the order of arrival, and its slot. */
  viewer(room = Number.POSITIVE_INFINITY): Viewer {
    const id = this.#nextId++;
    const reader = new Reader(id, id, this.table, performance.now());
    const outlet = new ScriptedOutlet(room);
    reader.open(outlet);
    this.stream.attach(reader);
    return { reader, outlet };
  }

  /** Starts the stream and opens its source. */
  async start(info: Partial<typeof INFO> = {}): Promise<void> {
    this.stream.start(Promise.resolve());
    await until('the source runs', () => this.source.running);
    this.source.sink.opened({ ...INFO, ...info });
  }

  /** Bytes of the source; afterwards every willing reader is at live. */
  data(bytes: Buffer): void {
    const chunk = Buffer.from(bytes);
    this.stream.data(chunk);
    chunk.fill(0); // A source uses its buffers again.
    while (this.stream.flush(Number.POSITIVE_INFINITY) !== 'done');
  }

  /** Waits until the source has let go and the stream has closed. */
  async over(): Promise<void> {
    await within('the source lets go', this.stream.sourceDone);
    await until('the stream closes', () => this.stream.state === 'closed' || this.stream.state);
  }

  /** The states it went through. */
  outcome(): StreamState[] {
    return this.states.map(([state]) => state);
  }

  /** A stream that is live, with one viewer whose connection takes everything. */
  static async live(multiplex: Multiplex, settings: Partial<ShardSettings> = {}): Promise<Rig & { first: Viewer }> {
    const rig = new Rig(settings);
    const first = rig.viewer();
    await rig.start();
    rig.data(multiplex.group(4).take());
    expect(rig.stream.state).toBe('live');
    return Object.assign(rig, { first });
  }
}

/** A large amount of groups. */
function groups(multiplex: Multiplex, bytes: number): Buffer {
  while (multiplex.length < bytes) multiplex.group(10, 20).stuffing(3);
  return multiplex.take();
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the start of a stream', () => {
  it('opens the source once for any number of readers', async () => {
    const rig = new Rig();
    for (let i = 0; i < 5; i++) rig.viewer();
    await rig.start();
    rig.viewer();
    rig.data(new Multiplex().group().take());
    expect([rig.source.runs, rig.stream.readerCount, rig.joined]).toEqual([1, 6, [0, 1, 2, 3, 4, 5]]);
    expect(rig.states).toEqual([
      ['starting', undefined],
      ['live', undefined],
    ]);
  });

  it('begins with what there is memory for, at a random-access point of that, when there was none at first', async () => {
    const store = segmentsOf(1);
    const taken = store.take()!;
    const rig = new Rig({}, store);
    const viewer = rig.viewer();
    await rig.start();
    const multiplex = new Multiplex();
    const lost = multiplex.video(3).group(5).group(2).take();
    rig.data(lost);
    expect([rig.stream.state, rig.counters.get('bytesWithoutMemory')]).toEqual(['starting', lost.length]);
    store.give(taken);
    rig.data(multiplex.video(20).take());
    const group = multiplex.group(4).take();
    rig.data(group);
    expect(rig.stream.state).toBe('live');
    expect(viewer.outlet.body.subarray(-group.length).equals(group)).toBe(true);
    expect(pidsOf(viewer.outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(viewer.outlet.body[2 * PACKET_BYTES + 5]! & 0x40).toBe(0x40);
    expect(faultsIn(viewer.outlet.body)).toEqual([]);
  });

  it('waits until the previous run of the content has let go', async () => {
    const rig = new Rig();
    rig.viewer();
    let release: () => void = () => {};
    rig.stream.start(new Promise<void>(resolve => (release = resolve)));
    await new Promise(resolve => setImmediate(resolve));
    expect(rig.source.runs).toBe(0);
    release();
    await until('the source runs', () => rig.source.running);
  });

  it('opens nothing when everybody left while it waited for its turn', async () => {
    const rig = new Rig();
    const { reader } = rig.viewer();
    let release: () => void = () => {};
    rig.stream.start(new Promise<void>(resolve => (release = resolve)));
    rig.stream.detach(reader, 'client-gone');
    release();
    await rig.over();
    expect(rig.source.runs).toBe(0);
    expect(rig.outcome()).toEqual(['starting', 'closing', 'closed']);
  });

  it('holds readers until there is a place to join, and sends them nothing before', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    const multiplex = new Multiplex();
    rig.data(multiplex.picture('h264Slice').video(5).audio(2).tables().take());
    rig.data(multiplex.picture('h264Slice').video(5).take());
    expect([rig.stream.state, outlet.received.length, rig.joined]).toEqual(['starting', 0, []]);
    rig.data(multiplex.keyFrame(0).take());
    expect([rig.stream.state, rig.joined]).toEqual(['live', [0]]);
    expect(pidsOf(outlet.body)).toEqual([0, PMT_PID, VIDEO_PID]);
  });

  it('begins with the head, PAT, PMT and the random-access packet, then everything up to live, exactly', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'video/x-test' });
    const multiplex = new Multiplex();
    const early = multiplex.picture('h264Slice').video(3).take();
    const group = multiplex.group(5).take();
    const later = multiplex.group(5).take();
    rig.data(Buffer.concat([early, group]).subarray(50));
    rig.data(later);
    expect(outlet.head).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: video\/x-test\r\n/);
    expect(outlet.body.equals(Buffer.concat([group, later]))).toBe(true);
    expect(faultsIn(outlet.body)).toEqual([]);
    expect(rig.table.headBytes(0)).toBe(outlet.received.length - outlet.body.length);
    expect(rig.table.bytes(0)).toBe(outlet.received.length);
    expect([rig.counters.get('bytesOut'), rig.counters.get('joins')]).toEqual([outlet.received.length, 1]);
  });

  it('joins without a random-access point when none came for a while', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const rig = new Rig();
    const { outlet } = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.picture('h264Slice').video(20).take());
    clock.mockReturnValue(12_999);
    rig.data(multiplex.picture('h264Slice').video(20).take());
    expect(rig.stream.state).toBe('starting');
    clock.mockReturnValue(13_000);
    rig.data(multiplex.picture('h264Slice').take());
    expect(rig.stream.state).toBe('live');
    expect(outlet.body.length).toBe(43 * PACKET_BYTES);
    expect(faultsIn(outlet.body)).toEqual([]);
  });

  it('joins without a random-access point when much came without one', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    const chunk = new Multiplex().video(5000).take();
    for (let i = 0; i < 8; i++) rig.data(chunk);
    expect([rig.stream.state, outlet.received.length]).toEqual(['starting', 0]);
    rig.data(chunk);
    expect(rig.stream.state).toBe('live');
    expect(outlet.body.length).toBe(9 * 5000 * PACKET_BYTES);
  });

  it('that fails answers every reader with the reason and detaches each once', async () => {
    const rig = new Rig();
    const viewers = [rig.viewer(), rig.viewer()];
    await rig.start();
    rig.source.fail(new SluiceError('no_peers', 'Nobody shares it.'));
    await rig.over();
    for (const { outlet } of viewers) {
      expect(outlet.head).toContain('HTTP/1.1 504 Gateway Timeout');
      expect(JSON.parse(outlet.body.toString())).toEqual({ error: { code: 'no_peers', message: 'Nobody shares it.' } });
      expect(outlet.ended).toBe(1);
    }
    expect(rig.detached).toEqual([
      { id: 0, reason: 'start-failed', code: 'no_peers', left: 1 },
      { id: 1, reason: 'start-failed', code: 'no_peers', left: 0 },
    ]);
    expect(rig.states.at(-1)).toEqual(['closed', 'no_peers']);
  });

  it('that crashes says only "internal" to users and the cause to the log', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.source.fail(new TypeError('hunter2'));
    await rig.over();
    expect(outlet.received.toString()).not.toContain('hunter2');
    expect(outlet.head).toContain('500');
    expect(rig.events).toEqual([['source crashed', { cause: 'TypeError: hunter2' }]]);
  });

  it('that ends without a byte answers every reader', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.source.end();
    await rig.over();
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('source_ended');
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
  });

  it('that ends before anybody could join hands out what there was', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'text/plain' });
    rig.data(Buffer.from('not a transport stream'));
    expect(rig.stream.state).toBe('starting');
    rig.source.end();
    await rig.over();
    expect(outlet.head).toContain('text/plain');
    expect(outlet.body.toString()).toBe('not a transport stream');
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });
});

describe('a stream that is live', () => {
  it('lets a late reader join at the newest random-access point, up to live', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    rig.data(multiplex.group(4).take());
    const newest = multiplex.group(4).take();
    rig.data(newest);
    const { outlet } = rig.viewer();
    const later = multiplex.group(4).take();
    rig.data(later);
    expect(outlet.body.equals(Buffer.concat([newest, later]))).toBe(true);
    expect(rig.joined).toEqual([0, 1]);
  });

  it('gives the late reader its first bytes at once', async () => {
    const rig = await Rig.live(new Multiplex());
    expect(pidsOf(rig.viewer().outlet.body).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
  });

  it('gives all readers the same bytes from where they joined', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const viewers = [rig.first];
    for (let i = 0; i < 6; i++) {
      viewers.push(rig.viewer());
      const bytes = multiplex.group(3 + i).take();
      for (let at = 0; at < bytes.length; at += 1000) rig.data(bytes.subarray(at, at + 1000));
    }
    const reference = rig.first.outlet.body;
    for (const { outlet } of viewers) {
      expect(outlet.body.equals(reference.subarray(-outlet.body.length))).toBe(true);
      expect(faultsIn(outlet.body)).toEqual([]);
    }
  });

  it('sends by itself, without anybody flushing', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const before = rig.first.outlet.received.length;
    const bytes = multiplex.group(3).take();
    rig.stream.data(Buffer.from(bytes));
    await until('the bytes arrive', () => rig.first.outlet.received.length === before + bytes.length);
  });

  it('keeps the source running as long as anybody is there, and ends it with the last', async () => {
    const rig = await Rig.live(new Multiplex());
    const second = rig.viewer();
    rig.stream.detach(rig.first.reader, 'client-gone');
    expect([rig.source.signal.aborted, rig.stream.state]).toEqual([false, 'live']);
    rig.stream.detach(second.reader, 'client-gone');
    expect([rig.source.signal.aborted, rig.stream.state]).toEqual([true, 'closing']);
    expect([rig.first.outlet.ended, second.outlet.ended]).toEqual([1, 1]);
    rig.source.end();
    await rig.over();
    expect(rig.outcome()).toEqual(['starting', 'live', 'closing', 'closed']);
    expect(rig.detached.map(({ reason, code }) => [reason, code])).toEqual([
      ['client-gone', undefined],
      ['client-gone', undefined],
    ]);
  });

  it('detaches a reader whose connection broke, and only that one', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const broken = rig.viewer();
    broken.outlet.gone = true;
    rig.data(multiplex.group(3).take());
    expect(rig.detached).toEqual([{ id: 1, reason: 'client-gone', code: undefined, left: 1 }]);
    expect(rig.stream.state).toBe('live');
  });

  it('ends when the only reader breaks while it is written to', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    rig.first.outlet.gone = true;
    rig.data(multiplex.group(3).take());
    expect(rig.source.signal.aborted).toBe(true);
    rig.data(multiplex.group(3).take());
    rig.source.end();
    await rig.over();
    expect(rig.detached).toHaveLength(1);
  });

  it('survives that the only reader is gone at the very moment of joining', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    outlet.gone = true;
    await rig.start();
    rig.data(new Multiplex().group(3).take());
    expect([rig.stream.state, rig.source.signal.aborted]).toEqual(['closing', true]);
    rig.source.end();
    await rig.over();
    expect(rig.detached).toEqual([{ id: 0, reason: 'client-gone', code: undefined, left: 0 }]);
  });

  it('ends its readers without an answer in the body when the source fails', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const rest = multiplex.group(3).take();
    rig.stream.data(Buffer.from(rest));
    rig.source.fail(new SluiceError('source_stalled', 'Silent.'));
    await rig.over();
    expect(rig.first.outlet.body.subarray(-rest.length).equals(rest)).toBe(true);
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-failed', code: 'source_stalled', left: 0 }]);
    expect(rig.states.at(-1)).toEqual(['closed', 'source_stalled']);
  });

  it('says what it is in its snapshot', async () => {
    const rig = await Rig.live(new Multiplex());
    rig.viewer();
    expect(rig.stream.snapshot(performance.now())).toMatchObject({
      key: 'some-key',
      infohash: INFO.infohash,
      origin: INFO.origin,
      state: 'live',
      readers: 2,
      bytesIn: rig.counters.get('bytesIn'),
      logBytes: SEGMENT_BYTES,
      packetFormat: 'mpegts',
    });
  });
});

describe('a live stream whose source has ended', () => {
  const broken = new SluiceError('source_stalled', 'Silent.');

  it('hands a reader that took less than there was the rest, in as many passes as it takes', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    const body = Buffer.alloc(5 << 20, 1);
    rig.stream.data(Buffer.from(body));
    rig.source.end();
    await rig.over();
    expect(outlet.body.equals(body)).toBe(true);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-ended', code: 'source_ended', left: 0 }]);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });

  it('waits for readers that are behind, each at its own pace, and lets go of one that has everything at once', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const slow = [rig.viewer(1_000), rig.viewer(1_000)];
    rig.data(multiplex.group(20).take());
    rig.source.fail(broken);
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    expect(rig.detached).toEqual([{ id: 0, reason: 'source-failed', code: 'source_stalled', left: 2 }]);
    for (const { reader, outlet } of slow) {
      expect([rig.stream.state, outlet.ended]).toEqual(['draining', 0]);
      while (outlet.ended === 0) {
        outlet.room = 3_000;
        rig.stream.resume(reader);
      }
      expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
      expect(outlet.ended).toBe(1);
    }
    expect(rig.detached.slice(1)).toEqual([
      { id: 1, reason: 'source-failed', code: 'source_stalled', left: 1 },
      { id: 2, reason: 'source-failed', code: 'source_stalled', left: 0 },
    ]);
    expect(rig.states.slice(-2)).toEqual([
      ['draining', 'source_stalled'],
      ['closed', 'source_stalled'],
    ]);
  });

  it('takes no new reader, and needs its source no longer', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    expect(rig.stream.isOpen).toBe(true);
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    expect([rig.stream.state, rig.stream.isOpen]).toEqual(['draining', false]);
  });

  it.each([
    ['leaves', 'client-gone', (rig: Rig, { reader }: Viewer) => rig.stream.detach(reader, 'client-gone')],
    [
      'breaks',
      'client-gone',
      (rig: Rig, { reader, outlet }: Viewer) => {
        outlet.gone = true;
        rig.stream.resume(reader);
      },
    ],
    ['takes nothing', 'stale', (rig: Rig) => rig.stream.sweep(performance.now() + 30_001)],
    ['is sent away', 'shutdown', (rig: Rig) => rig.stream.close('shutdown', new SluiceError('shutting_down', ''))],
  ])('closes when the last reader %s', async (_, reason, act) => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const slow = rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    expect(rig.stream.state).toBe('draining');
    act(rig, slow);
    expect(rig.stream.state).toBe('closed');
    expect(rig.detached.slice(1)).toEqual([expect.objectContaining({ id: 1, reason, left: 0 })]);
    expect(slow.outlet.ended).toBe(1);
    expect(rig.outcome()).toEqual(['starting', 'live', 'draining', 'closed']);
  });

  it('sends everybody away at once when it is closed meanwhile', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    for (let i = 0; i < 3; i++) rig.viewer(1_000);
    rig.data(multiplex.group(20).take());
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    await until('the first one is let go', () => rig.detached.length === 1);
    rig.stream.close('closed-by-operator', new SluiceError('stream_closed', ''));
    expect(rig.detached.slice(1).map(({ id, reason }) => [id, reason])).toEqual(
      [1, 2, 3].map(id => [id, 'closed-by-operator']),
    );
    expect(rig.states.at(-1)).toEqual(['closed', 'stream_closed']);
  });
});

describe('a stream without a random-access point', () => {
  /** Live by the time that passed; tables and pictures, none of them a key frame. */
  async function blind(settings: Partial<ShardSettings> = {}): Promise<Rig & { first: Viewer; group: () => Buffer }> {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const rig = new Rig(settings);
    const first = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    let length = 0;
    const group = (): Buffer => {
      multiplex.tables();
      for (let i = 0; i < 6 + (length++ % 5); i++) multiplex.picture('h264Slice').video(3).audio();
      return multiplex.take();
    };
    rig.data(group());
    clock.mockReturnValue(13_000);
    rig.data(group());
    clock.mockRestore();
    expect(rig.stream.state).toBe('live');
    return Object.assign(rig, { first, group });
  }

  it('lets a late reader begin exactly at live with the tables, whose counters fit what follows', async () => {
    const rig = await blind();
    const late: { outlet: ScriptedOutlet; since: Buffer[] }[] = [];
    for (let i = 0; i < 6; i++) {
      late.push({ outlet: rig.viewer().outlet, since: [] });
      const group = rig.group();
      // In two pieces, so that some come in the middle of a group.
      for (const piece of [group.subarray(0, 7 * PACKET_BYTES), group.subarray(7 * PACKET_BYTES)]) {
        for (const { since } of late) since.push(piece);
        rig.data(piece);
        late.push({ outlet: rig.viewer().outlet, since: [] });
      }
    }
    rig.data(rig.group());
    for (const { outlet, since } of late) {
      expect(pidsOf(outlet.body).slice(0, 2)).toEqual([0, PMT_PID]);
      const expected = Buffer.concat(since);
      expect(outlet.body.subarray(2 * PACKET_BYTES, 2 * PACKET_BYTES + expected.length).equals(expected)).toBe(true);
      expect(faultsIn(outlet.body)).toEqual([]);
    }
  });

  it('moves a slow reader ahead to live with every jump announced', async () => {
    const rig = await blind({ logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(50_000);
    for (let bytes = 0; bytes < 4 * SEGMENT_BYTES; ) {
      const group = rig.group();
      bytes += group.length;
      rig.data(group);
    }
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(rig.group());
    expect(rig.skipped).toHaveLength(1);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
  });

  it('and without tables lets a late reader begin at live, and announces the jumps of one that is moved ahead', async () => {
    const rig = new Rig({ logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(10_000);
    await rig.start();
    const multiplex = new Multiplex();
    rig.data(multiplex.video(50_000).take());
    rig.data(multiplex.video(3_000).audio(50).stuffing(3).take());
    expect(rig.stream.state).toBe('live');
    const late = rig.viewer();
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    const rest = multiplex.audio(10).video(10).take();
    rig.data(rest);
    expect(rig.skipped).toEqual([{ id: 0, bytes: expect.any(Number) }]);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(slow.outlet.body.subarray(-rest.length).equals(rest)).toBe(true);
    expect(late.outlet.body.equals(rest)).toBe(true);
  });
});

describe('a slow reader', () => {
  it('is moved ahead when its place is gone, onto the grid, with every jump announced; the others notice nothing', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex, { logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(50_000);
    let sent = Buffer.alloc(0);
    for (let i = 0; i < 12; i++) {
      const bytes = groups(multiplex, SEGMENT_BYTES / 2);
      sent = Buffer.concat([sent, bytes]);
      rig.data(bytes);
    }
    expect(slow.reader.blocked).toBe(true);
    expect(rig.table.lagBytes(1)).toBeGreaterThan(0);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(multiplex.group(3).take());
    expect(rig.skipped).toEqual([{ id: 1, bytes: expect.any(Number) }]);
    const [skip] = rig.skipped;
    expect([rig.counters.get('skips'), rig.counters.get('skippedBytes'), rig.table.skips(1)]).toEqual([
      1,
      skip!.bytes,
      1,
    ]);
    expect(skip!.bytes % PACKET_BYTES).toBe(0);
    expect(skip!.bytes).toBeGreaterThan(2 * SEGMENT_BYTES);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(slow.outlet.ended).toBe(0);
    expect(rig.table.lagBytes(1)).toBe(0);
    // What follows the gap begins with the tables and a random-access packet.
    const { body } = slow.outlet;
    const flagged = offsetsOf(body).find(
      at => (body[at + 3]! & 0x20) !== 0 && body[at + 4]! > 0 && (body[at + 5]! & 0x80) !== 0,
    )!;
    expect(pidsOf(body.subarray(flagged)).slice(0, 3)).toEqual([0, PMT_PID, VIDEO_PID]);
    expect(body[flagged + 2 * PACKET_BYTES + 5]! & 0x40).toBe(0x40);
    // The other one got everything.
    expect(faultsIn(rig.first.outlet.body)).toEqual([]);
    expect(rig.first.outlet.body.includes(sent.subarray(-100 * PACKET_BYTES))).toBe(true);
    expect(rig.table.skips(0)).toBe(0);
  });

  it('may be moved ahead again and again', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex, { logBytes: 2 * SEGMENT_BYTES });
    const slow = rig.viewer(10_000);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 6; i++) rig.data(groups(multiplex, SEGMENT_BYTES / 2));
      slow.outlet.room = 30_001 + round * 777;
      rig.stream.resume(slow.reader);
    }
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.data(multiplex.group(2).take());
    expect(rig.skipped.length).toBeGreaterThanOrEqual(4);
    expect(faultsIn(slow.outlet.body)).toEqual([]);
    expect(rig.detached).toEqual([]);
  });

  it('that takes nothing for the timeout is detached by the sweep; one that takes a byte now and then is not', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const rig = new Rig({ staleClientTimeoutMs: 30_000 });
    const dead = rig.viewer(5_000);
    const slow = rig.viewer(5_000);
    const idle = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.group(30).take());
    expect([dead.reader.blocked, slow.reader.blocked, idle.reader.blocked]).toEqual([true, true, false]);
    for (let now = 11_000; now < 31_000; now += 1_000) {
      clock.mockReturnValue(now);
      slow.outlet.room = 1;
      rig.stream.sweep(now);
    }
    expect(rig.detached).toEqual([]);
    clock.mockReturnValue(31_000);
    rig.stream.sweep(31_000);
    expect(rig.detached).toEqual([{ id: 0, reason: 'stale', code: undefined, left: 2 }]);
    expect(dead.outlet.ended).toBe(1);
    // The one that has all there is was never in question, however long nothing came.
    clock.mockReturnValue(1e7);
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    rig.stream.sweep(1e7);
    expect(rig.detached).toHaveLength(1);
  });

  it('is patiently waited for from when it got stuck, not from its last byte', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const rig = new Rig({ staleClientTimeoutMs: 30_000 });
    const { outlet } = rig.viewer();
    rig.stream.start(Promise.resolve());
    await new Promise(resolve => setImmediate(resolve));
    const multiplex = new Multiplex();
    rig.data(multiplex.group(3).take());
    // The upstream is silent for longer than a viewer may be; then the viewer's socket is full for the first time.
    clock.mockReturnValue(41_000);
    outlet.room = 0;
    rig.data(multiplex.group(3).take());
    for (const now of [41_100, 70_999]) {
      clock.mockReturnValue(now);
      rig.stream.sweep(now);
      expect(rig.detached).toEqual([]);
    }
    clock.mockReturnValue(71_000);
    rig.stream.sweep(71_000);
    expect(rig.detached).toEqual([{ id: 0, reason: 'stale', code: undefined, left: 0 }]);
  });

  it('that takes bytes again goes on where it was, without a skip, while the log holds its place', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const slow = rig.viewer(1_000);
    for (let i = 0; i < 10; i++) rig.data(multiplex.group(10).take());
    slow.outlet.room = Number.POSITIVE_INFINITY;
    rig.stream.resume(slow.reader);
    expect(rig.skipped).toEqual([]);
    expect(slow.outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('is not offered a byte before somebody says that it takes some', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const slow = rig.viewer(1_000);
    const offers = slow.outlet.offers.length;
    for (let i = 0; i < 5; i++) rig.data(multiplex.group(2).take());
    expect(slow.outlet.offers).toHaveLength(offers);
  });
});

describe('a round of writing', () => {
  const TIME_IS_UP = Number.NEGATIVE_INFINITY;
  const NO_HURRY = Number.POSITIVE_INFINITY;

  /** A live stream with many readers, all of them at live. */
  async function crowd(
    readers: number,
  ): Promise<{ rig: Awaited<ReturnType<typeof Rig.live>>; multiplex: Multiplex; viewers: Viewer[] }> {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    const viewers = [rig.first];
    while (viewers.length < readers) viewers.push(rig.viewer());
    expect(rig.stream.flush(NO_HURRY)).toBe('done');
    return { rig, multiplex, viewers };
  }

  /** Calls flush once; tells its result and the readers that were written to, in order, each as often as it was. */
  function flush(rig: Rig, viewers: Viewer[], untilMs: number): { result: FlushResult; served: number[] } {
    const served: number[] = [];
    const spies = viewers.map(({ reader, outlet }) => {
      const write = outlet.write.bind(outlet);
      return jest.spyOn(outlet, 'write').mockImplementation((...offer) => {
        served.push(reader.id);
        return write(...offer);
      });
    });
    const result = rig.stream.flush(untilMs);
    for (const spy of spies) spy.mockRestore();
    return { result, served };
  }

  /** Calls flush until the round is over, with no time each; tells who was served in each call. */
  function finish(rig: Rig, viewers: Viewer[]): number[][] {
    const calls: number[][] = [];
    for (;;) {
      const { result, served } = flush(rig, viewers, TIME_IS_UP);
      calls.push(served);
      if (result !== 'unfinished') return calls;
      expect(calls.length).toBeLessThan(100);
    }
  }

  const idsOf = (viewers: Viewer[]) => viewers.map(({ reader }) => reader.id);

  it('serves everybody in one call when there is time', async () => {
    const { rig, multiplex, viewers } = await crowd(70);
    rig.stream.data(multiplex.group(2).take());
    expect(flush(rig, viewers, NO_HURRY)).toEqual({ result: 'done', served: idsOf(viewers) });
  });

  it('stops when time is up; the next calls serve exactly those who had no turn', async () => {
    const { rig, multiplex, viewers } = await crowd(70);
    for (let round = 0; round < 3; round++) {
      rig.stream.data(multiplex.group(2).take());
      const calls = finish(rig, viewers);
      expect(calls.length).toBeGreaterThan(2);
      expect(calls.flat()).toEqual(idsOf(viewers));
    }
    for (const { outlet } of viewers) expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('stops at the time it was told, not before', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const { rig, multiplex, viewers } = await crowd(70);
    rig.stream.data(multiplex.group(2).take());
    for (const { outlet } of viewers) {
      const write = outlet.write.bind(outlet);
      outlet.write = (...offer) => {
        clock.mockReturnValue(performance.now() + 0.05);
        return write(...offer);
      };
    }
    const { result, served } = flush(rig, viewers, 10_002);
    expect(result).toBe('unfinished');
    expect(served.length).toBeGreaterThanOrEqual(40);
    expect(served.length).toBeLessThan(60);
    expect([...served, ...flush(rig, viewers, 20_000).served]).toEqual(idsOf(viewers));
  });

  it('gives those who are still to have their turn what came meanwhile, the others in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const before = viewers[0]!.outlet.received.length;
    const first = multiplex.group(2).take();
    const second = multiplex.group(3).take();
    rig.stream.data(first);
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    rig.stream.data(second);
    expect([...early.served, ...finish(rig, viewers).flat()]).toEqual(idsOf(viewers));
    for (const { reader, outlet } of viewers) {
      const got = outlet.received.length - before;
      expect(got).toBe(early.served.includes(reader.id) ? first.length : first.length + second.length);
    }
    // Who is at live already is not written to.
    expect(finish(rig, viewers).flat()).toEqual(early.served);
    for (const { outlet } of viewers) expect(outlet.body.equals(viewers[0]!.outlet.body)).toBe(true);
  });

  it('goes on without those who left, served or not, and gives each one who came their turn', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    const left = [early.served[0]!, early.served.at(-1)!, early.served.length, 39];
    for (const id of left) rig.stream.detach(viewers[id]!.reader, 'client-gone');
    const newcomers = [rig.viewer(), rig.viewer()];
    const joined = newcomers.map(({ outlet }) => outlet.received.length);
    expect(Math.min(...joined)).toBeGreaterThan(0);
    const more = multiplex.group(1).take();
    rig.stream.data(more);
    const rest = [...viewers, ...newcomers].filter(
      ({ reader }) => !early.served.includes(reader.id) && !left.includes(reader.id),
    );
    expect(finish(rig, [...viewers, ...newcomers]).flat()).toEqual(idsOf(rest));
    expect(newcomers.map(({ outlet }) => outlet.received.length)).toEqual(joined.map(bytes => bytes + more.length));
    const staying = [...viewers, ...newcomers].filter(({ reader }) => !left.includes(reader.id));
    rig.stream.data(multiplex.group(1).take());
    expect(finish(rig, staying).flat()).toEqual(idsOf(staying));
    for (const { outlet } of staying) {
      const { body } = outlet;
      expect(body.equals(viewers[1]!.outlet.body.subarray(-body.length))).toBe(true);
    }
  });

  it('goes on where it was when a reader breaks in its middle', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    for (const id of [3, 20]) viewers[id]!.outlet.gone = true;
    expect(finish(rig, viewers).flat()).toEqual(idsOf(viewers));
    expect(rig.detached.map(({ id }) => id)).toEqual([3, 20]);
  });

  it('has more when a reader of an earlier call would have taken more, and forgets that in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const [slow] = viewers;
    slow!.outlet.room = 0;
    for (let i = 0; i < 2; i++) rig.data(groups(multiplex, 1 << 20));
    slow!.outlet.room = Number.POSITIVE_INFINITY;
    slow!.reader.unblock();
    const results: FlushResult[] = [];
    for (let round = 0; round < 2; round++) {
      let result: FlushResult;
      do {
        result = rig.stream.flush(TIME_IS_UP);
        results.push(result);
      } while (result === 'unfinished');
    }
    expect(results).toEqual(['unfinished', 'unfinished', 'more', 'unfinished', 'unfinished', 'done']);
    expect(slow!.outlet.body.equals(viewers[1]!.outlet.body)).toBe(true);
  });

  it('ends with the stream: nobody is written to any more', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    expect(flush(rig, viewers, TIME_IS_UP).result).toBe('unfinished');
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    expect(flush(rig, viewers, TIME_IS_UP)).toEqual({ result: 'done', served: [] });
  });

  it('lets each reader of a stream that drains go at their turn, those who had theirs before in the next round', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    rig.stream.data(multiplex.group(2).take());
    const early = flush(rig, viewers, TIME_IS_UP);
    expect(early.result).toBe('unfinished');
    rig.source.end();
    await within('the source lets go', rig.stream.sourceDone);
    expect(rig.stream.state).toBe('draining');
    finish(rig, viewers);
    expect(rig.detached.map(({ id }) => id)).toEqual(idsOf(viewers).filter(id => !early.served.includes(id)));
    expect(rig.stream.flush(NO_HURRY)).toBe('done');
    expect([rig.stream.readerCount, rig.stream.state]).toEqual([0, 'closed']);
    for (const { outlet } of viewers) expect(outlet.body.equals(rig.first.outlet.body)).toBe(true);
  });

  it('goes on by itself until everybody was served', async () => {
    const { rig, multiplex, viewers } = await crowd(40);
    const before = rig.first.outlet.received.length;
    const bytes = multiplex.group(2).take();
    rig.stream.data(Buffer.from(bytes));
    await until('the bytes arrive', () =>
      viewers.every(({ outlet }) => outlet.received.length === before + bytes.length),
    );
  });
});

describe('a reader that a dead shard left behind', () => {
  it('goes on at the grid with announced jumps, and gets no second head', async () => {
    for (const cut of [0, 1, 100, 187]) {
      const multiplex = new Multiplex();
      const first = await Rig.live(multiplex);
      first.data(multiplex.group(4).take());
      const received = first.first.outlet.received;
      const sent = first.table.headBytes(0) + 20 * PACKET_BYTES + cut;
      const rig = new Rig();
      rig.table.setBytes(0, sent);
      rig.table.setHeadBytes(0, first.table.headBytes(0));
      const { outlet } = rig.viewer();
      await rig.start();
      multiplex.video(5).audio(2).tables().take();
      rig.data(multiplex.group(5).take());
      const whole = Buffer.concat([received.subarray(first.table.headBytes(0), sent), outlet.received]);
      expect(outlet.received.includes('HTTP/1.1')).toBe(false);
      expect({ cut, faults: faultsIn(whole) }).toEqual({ cut, faults: [] });
      expect(pidsOf(whole.subarray(Math.ceil(20 + cut / PACKET_BYTES) * PACKET_BYTES)).slice(0, 3)).toEqual([
        0,
        PMT_PID,
        VIDEO_PID,
      ]);
    }
  });

  it('gets what is missing of its head first', async () => {
    const reference = await Rig.live(new Multiplex());
    const head = reference.first.outlet.received.subarray(0, reference.table.headBytes(0));
    const rig = new Rig();
    rig.table.setBytes(0, 30);
    rig.table.setHeadBytes(0, head.length);
    const { outlet } = rig.viewer();
    await rig.start();
    rig.data(new Multiplex().group(3).take());
    expect(outlet.received.subarray(0, head.length - 30).equals(head.subarray(30))).toBe(true);
    expect(faultsIn(outlet.received.subarray(head.length - 30))).toEqual([]);
    expect(rig.table.headBytes(0)).toBe(head.length);
  });
});

describe('closing a stream', () => {
  const closed = new SluiceError('stream_closed', 'An operator closed this stream.');

  it('aborts the source and sends everybody away with one reason', async () => {
    const rig = await Rig.live(new Multiplex());
    rig.viewer();
    rig.stream.close('closed-by-operator', closed);
    expect([rig.stream.state, rig.source.signal.aborted, rig.stream.readerCount]).toEqual(['closing', true, 0]);
    expect(rig.detached).toEqual([
      { id: 0, reason: 'closed-by-operator', code: 'stream_closed', left: 1 },
      { id: 1, reason: 'closed-by-operator', code: 'stream_closed', left: 0 },
    ]);
    rig.source.end();
    await rig.over();
    expect(rig.states.slice(-2)).toEqual([
      ['closing', 'stream_closed'],
      ['closed', 'stream_closed'],
    ]);
  });

  it('answers readers that were still waiting', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start();
    rig.stream.close('closed-by-operator', closed);
    expect(outlet.head).toContain('503 Service Unavailable');
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('stream_closed');
    expect(rig.source.signal.aborted).toBe(true);
  });

  it('twice does nothing more', async () => {
    const rig = await Rig.live(new Multiplex());
    rig.stream.close('closed-by-operator', closed);
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    rig.source.end();
    await rig.over();
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    expect(rig.detached).toHaveLength(1);
    expect(rig.outcome()).toEqual(['starting', 'live', 'closing', 'closed']);
  });

  it('keeps its reason when the source fails on the way out', async () => {
    const rig = await Rig.live(new Multiplex());
    rig.stream.close('shutdown', new SluiceError('shutting_down', ''));
    rig.source.fail(new SluiceError('source_ended', ''));
    await rig.over();
    expect(rig.states.at(-1)).toEqual(['closed', 'shutting_down']);
    expect(rig.detached).toEqual([{ id: 0, reason: 'shutdown', code: 'shutting_down', left: 0 }]);
  });

  it('is over only when the source has let go of what it opened', async () => {
    const rig = await Rig.live(new Multiplex());
    let over = false;
    void rig.stream.sourceDone.then(() => (over = true));
    rig.stream.close('closed-by-operator', closed);
    await new Promise(resolve => setImmediate(resolve));
    expect([over, rig.stream.state]).toEqual([false, 'closing']);
    rig.source.end();
    await rig.over();
    expect(rig.stream.state).toBe('closed');
  });

  it('detaches a reader at most once, whatever happens to it at the same time', async () => {
    const rig = await Rig.live(new Multiplex());
    const { reader } = rig.viewer();
    rig.stream.detach(reader, 'client-gone');
    rig.stream.detach(reader, 'stale');
    rig.stream.resume(reader);
    rig.stream.close('closed-by-operator', closed);
    rig.source.end();
    await rig.over();
    expect(rig.detached.map(({ id, reason }) => [id, reason])).toEqual([
      [1, 'client-gone'],
      [0, 'closed-by-operator'],
    ]);
  });

  it('before its start sends readers away too', () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    rig.stream.close('shutdown', new SluiceError('shutting_down', 'Over.'));
    expect(JSON.parse(outlet.body.toString()).error.code).toBe('shutting_down');
    expect([rig.stream.state, rig.states]).toEqual(['idle', []]);
  });
});

describe('a body that is not a transport stream', () => {
  const body = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7) % 71));

  it('is handed on byte for byte under its own content type', async () => {
    const rig = new Rig();
    const { outlet } = rig.viewer();
    await rig.start({ contentType: 'video/x-matroska' });
    for (let at = 0; at < body.length; at += 999) rig.data(body.subarray(at, at + 999));
    expect(outlet.head).toContain('Content-Type: video/x-matroska');
    expect(outlet.body.equals(body)).toBe(true);
    expect(rig.stream.snapshot(0).packetFormat).toBe('bytes');
    expect(rig.counters.get('bytesDiscarded')).toBe(0);
  });

  it('reaches a late reader from where it is', async () => {
    const rig = new Rig();
    rig.viewer();
    await rig.start();
    rig.data(body);
    const { outlet } = rig.viewer();
    rig.data(Buffer.from('later'));
    expect(outlet.body.toString()).toBe('later');
  });
});

describe('damage of the upstream', () => {
  it('is counted, and readers get whole packets only', async () => {
    const multiplex = new Multiplex();
    const rig = await Rig.live(multiplex);
    rig.data(Buffer.alloc(333, 0xaa));
    rig.data(multiplex.group(5).take());
    expect([rig.counters.get('bytesDiscarded'), rig.counters.get('resyncs')]).toEqual([333, 1]);
    const { body } = rig.first.outlet;
    expect(offsetsOf(body).filter(at => body[at] !== 0x47)).toEqual([]);
    expect(faultsIn(body)).toEqual([]);
    expect(offsetsOf(body).filter(at => pidAt(body, at) === PMT_PID)).toHaveLength(2);
  });
});
