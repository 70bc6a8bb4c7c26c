import { describe, expect, it } from '@jest/globals';
import type { EngineStat } from '../../../src/engine/engine-wire.ts';
import type { SluiceError } from '../../../src/shared/errors.ts';
import { LiveWatch } from '../../../workers/shard/source/live-watch.ts';

const LIMITS = { stallTimeoutMs: 10_000, emptyTimeoutMs: 60_000 };
const T0 = 5_000;

const stat = (fields: Partial<EngineStat> = {}): EngineStat => ({
  status: 'dl',
  livePosition: undefined,
  peers: 3,
  speedDown: 100,
  downloadedBytes: 0,
  ...fields,
});

/** A session that began to flow at T0, looked at whenever the test says so; times count from T0. */
class Rig {
  readonly watch = new LiveWatch(LIMITS, T0);

  bytes(ms: number): this {
    this.watch.flowed(T0 + ms);
    return this;
  }

  look(ms: number, seen: Partial<EngineStat> | 'deaf' = {}): SluiceError | undefined {
    return this.watch.observe(seen === 'deaf' ? undefined : stat(seen), T0 + ms);
  }

  /** Looks once a second; tells when there was a verdict, and which. */
  lookOn(
    fromMs: number,
    toMs: number,
    seen: (ms: number) => Partial<EngineStat> | 'deaf',
    onSecond: (ms: number) => void = () => {},
  ): string | undefined {
    for (let ms = fromMs; ms <= toMs; ms += 1_000) {
      onSecond(ms);
      const verdict = this.look(ms, seen(ms));
      if (verdict !== undefined) return `${verdict.code} at ${ms}`;
    }
    return undefined;
  }
}

describe('silence', () => {
  it('begins when no byte came for the stall timeout, and ends with the next byte', () => {
    const { watch } = new Rig().bytes(3_000);
    expect([12_999, 13_000].map(ms => watch.isSilent(T0 + ms))).toEqual([false, true]);
    watch.flowed(T0 + 20_000);
    expect([20_000, 29_999, 30_000].map(ms => watch.isSilent(T0 + ms))).toEqual([false, false, true]);
  });

  it('of a session that neither downloads nor says why is borne up to the empty timeout', () => {
    const rig = new Rig();
    expect(rig.lookOn(1_000, 70_000, () => ({ downloadedBytes: 5_000 }))).toBe('source_stalled at 60000');
    expect(rig.look(60_000)!.message).toBe('The engine sent no byte for 60 s.');
  });

  it('is counted from the last byte', () => {
    const rig = new Rig().bytes(25_000);
    expect(rig.lookOn(26_000, 99_000, () => ({}))).toBe('source_stalled at 85000');
  });

  it('of an engine that answers nothing either is given three looks', () => {
    expect(new Rig().lookOn(10_000, 20_000, () => 'deaf')).toBe('engine_silent at 12000');
    // Looks without an answer from before the silence count, because the engine is as gone.
    expect(new Rig().lookOn(1_000, 20_000, () => 'deaf')).toBe('engine_silent at 10000');
  });

  it('of an engine that answers now and then is not that of one that is gone', () => {
    expect(new Rig().lookOn(10_000, 59_000, ms => (ms % 3_000 === 0 ? {} : 'deaf'))).toBeUndefined();
  });

  it('of a session that downloads on is playback that hangs, after three looks', () => {
    const growing = (ms: number): Partial<EngineStat> => ({ downloadedBytes: ms * 100 });
    const rig = new Rig();
    expect(rig.lookOn(10_000, 30_000, growing)).toBe('source_stalled at 12000');
    expect(rig.look(13_000, growing(13_000))!.message).toBe('The engine downloads, but hands nothing on (13 s).');
  });

  it.each<[string, (ms: number) => number]>([
    ['in fits and starts', ms => Math.floor(ms / 3_000) * 200_000],
    ['at a trickle that is no stream, in steps of 16 KiB', ms => Math.floor((ms * 19) / 16_384) * 16_384],
    ['at just too little for a stream', ms => ms * 31.9],
    ['nothing, though the counter was set back', ms => 1e9 - ms * 100],
  ])('of a session that downloads %s is a broadcast with gaps', (_, downloaded) => {
    const rig = new Rig();
    rig.look(9_000, { downloadedBytes: downloaded(9_000) });
    expect(rig.lookOn(10_000, 59_000, ms => ({ downloadedBytes: downloaded(ms) }))).toBeUndefined();
  });

  it('forgets what was downloaded while bytes came', () => {
    const rig = new Rig();
    const downloaded = (ms: number): Partial<EngineStat> => ({ downloadedBytes: ms * 100 });
    expect(rig.lookOn(1_000, 11_000, downloaded)).toBeUndefined();
    expect(rig.bytes(11_500).lookOn(12_000, 13_000, downloaded)).toBeUndefined();
    expect(rig.lookOn(21_500, 99_000, downloaded)).toBe('source_stalled at 23500');
  });
});

describe('a live position', () => {
  const STANDS = { livePosition: 1_700_000_000 };

  it('that stands still for three stall timeouts while bytes flow is that of a loop', () => {
    const rig = new Rig();
    const verdict = rig.lookOn(
      1_000,
      60_000,
      () => STANDS,
      ms => rig.bytes(ms),
    );
    expect(verdict).toBe('source_frozen at 31000');
    expect(rig.look(31_000, STANDS)!.message).toBe('Bytes flow, but the live position has stood still for 30 s.');
  });

  it.each<[string, (ms: number) => Partial<EngineStat> | 'deaf']>([
    ['moves on', ms => ({ livePosition: 1_700_000_000 + Math.floor(ms / 29_000) })],
    ['goes back, as with another of its peers', ms => ({ livePosition: 1_700_000_000 - Math.floor(ms / 29_000) })],
    ['is not told, as for files', () => ({})],
    ['is told only now and then', ms => (ms % 20_000 === 0 ? {} : STANDS)],
  ])('that %s is none', (_, seen) => {
    const rig = new Rig();
    expect(rig.lookOn(1_000, 300_000, seen, ms => rig.bytes(ms))).toBeUndefined();
  });

  it('is not judged by looks without an answer', () => {
    const rig = new Rig();
    rig.bytes(1_000).look(1_000, STANDS);
    expect(rig.bytes(40_000).look(40_000, 'deaf')).toBeUndefined();
    expect(rig.bytes(41_000).look(41_000, STANDS)).toMatchObject({ code: 'source_frozen' });
  });

  it('may stand still while no byte comes, and just after: there was nothing to move it', () => {
    const rig = new Rig().bytes(1_000);
    expect(rig.lookOn(1_000, 50_000, () => STANDS)).toBeUndefined();
    rig.bytes(50_500);
    const verdict = rig.lookOn(
      51_000,
      120_000,
      () => STANDS,
      ms => rig.bytes(ms),
    );
    expect(verdict).toBe('source_frozen at 80000');
  });
});

it('a stream with gaps of a minute, at a few kilobytes a second, goes on', () => {
  const rig = new Rig();
  const verdict = rig.lookOn(
    1_000,
    600_000,
    ms => ({
      downloadedBytes: Math.floor((ms * 19) / 16_384) * 16_384,
      livePosition: 1_700_000_000 + Math.floor(ms / 20_000),
    }),
    ms => ms % 59_000 === 0 && rig.bytes(ms),
  );
  expect(verdict).toBeUndefined();
});
