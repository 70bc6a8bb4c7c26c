import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { ShardCounters } from '../../../src/shared/reader-table.ts';
import { Intake } from '../../../workers/shard/intake.ts';
import type { PacketLog } from '../../../workers/shard/packet-log.ts';
import type { SeamResult } from '../../../workers/shard/seam.ts';
import { broadcast, GROUP_PACKETS, reading, sequencesIn, strictFaults } from '../support/broadcast.ts';
import { newLog, segmentsOf } from '../support/logs.ts';
import { Multiplex, NULL_PID, PACKET_BYTES, pidsOf } from '../support/ts.ts';
import { failureOf } from '../support/waiting.ts';

const PLAIN = Buffer.alloc(20_000, 'no packets here ');

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** An intake, what it made of what it got, and what it told. */
class Rig {
  readonly counters = new ShardCounters();
  readonly seams: SeamResult[] = [];
  readonly log: PacketLog;
  readonly intake: Intake;

  constructor(log = newLog(100 << 20)) {
    this.log = log;
    this.intake = new Intake(log, this.counters, result => this.seams.push(result));
  }

  /** Everything that reached the log. */
  get stored(): Buffer {
    return this.log.copy(this.log.start, this.log.end);
  }

  /** Bytes of the source, in pieces that lie across packets. */
  take(bytes: Buffer, pieceBytes = 1_000): this {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
      this.intake.take(piece, performance.now());
      piece.fill(0); // A source uses its buffers again.
    }
    return this;
  }

  counts(): number[] {
    return (['bytesIn', 'bytesDiscarded', 'resyncs', 'bytesWithoutMemory'] as const).map(name =>
      this.counters.get(name),
    );
  }
}

describe('the intake', () => {
  it('takes the first reading as it is, and knows what it is and where readers can begin', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(5).take();
    rig.intake.begin('first');
    expect([rig.intake.format, rig.intake.isJoinable(performance.now())]).toEqual(['unknown', false]);
    rig.take(bytes);
    expect(rig.stored.equals(bytes)).toBe(true);
    expect([rig.intake.format, rig.intake.isJoinable(performance.now())]).toEqual(['mpegts', true]);
    expect(rig.counts()).toEqual([bytes.length, 0, 0, 0]);
    expect(rig.intake.bytesIn).toBe(bytes.length);
    expect(rig.seams).toEqual([]);
  });

  it('throws half a packet away when another reading begins, and goes on with its own grid', () => {
    const packets = broadcast({ packets: 10 * GROUP_PACKETS });
    const rig = new Rig();
    const cut = reading(packets, 0, 200).subarray(0, 199 * PACKET_BYTES + 100);
    rig.take(cut);
    rig.intake.begin('same-content');
    rig.take(reading(packets, 120, 400, 5));
    expect(rig.stored.length).toBe(400 * PACKET_BYTES);
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(sequencesIn(rig.stored)).toEqual(sequencesIn(reading(packets, 0, 400)));
    expect(rig.counts()).toEqual([cut.length + 280 * PACKET_BYTES, 100, 0, 0]);
    expect(rig.seams).toEqual([expect.objectContaining({ outcome: 'seamless', clockJumpMs: 0, repeatedPackets: 79 })]);
  });

  it('tells of a jump where a reading does not repeat the past, and of every seam once', () => {
    const packets = broadcast({ packets: 30 * GROUP_PACKETS });
    const rig = new Rig();
    rig.take(reading(packets, 0, 200));
    for (const [from, shift] of [
      [500, 3],
      [900, 9],
    ] as const) {
      rig.intake.begin('same-content');
      rig.take(reading(packets, from, from + 200, shift));
    }
    expect(rig.seams.map(({ outcome }) => outcome)).toEqual(['jump', 'jump']);
    expect(strictFaults(rig.stored)).toEqual([]);
  });

  it('joins nothing when the readings before brought no packet', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(5).take();
    for (let attempt = 0; attempt < 3; attempt++) rig.intake.begin('first');
    rig.intake.begin('same-content');
    rig.take(bytes);
    expect(rig.stored.equals(bytes)).toBe(true);
    expect(rig.seams).toEqual([]);
  });

  it('does not judge the stream by a reading that broke too early to be judged', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(5).take();
    rig.take(bytes.subarray(0, 300));
    rig.intake.begin('same-content');
    rig.take(bytes);
    expect([rig.intake.format, rig.stored.equals(bytes)]).toEqual(['mpegts', true]);
    expect(rig.counts()).toEqual([bytes.length + 300, 300, 0, 0]);
  });

  it('hands out a body that was too short to be judged when nothing more will come', () => {
    const rig = new Rig();
    rig.take(Buffer.from('short'));
    rig.intake.finish();
    expect([rig.intake.format, rig.stored.toString()]).toEqual(['bytes', 'short']);
  });

  it('drops what is left of a packet when nothing more will come', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(3).take();
    rig.take(bytes.subarray(0, bytes.length - 50));
    rig.intake.finish();
    expect([rig.stored.length, rig.counts()[1]]).toEqual([bytes.length - PACKET_BYTES, PACKET_BYTES - 50]);
  });

  it('refuses something else behind packets, whatever follows, and takes packets again from the next reading', async () => {
    const packets = broadcast({ packets: 10 * GROUP_PACKETS });
    const rig = new Rig();
    rig.take(reading(packets, 0, 200));
    rig.intake.begin('other-content');
    expect(await failureOf(() => rig.take(PLAIN))).toMatchObject({ code: 'source_not_stream' });
    expect(await failureOf(() => rig.take(PLAIN))).toMatchObject({ code: 'source_not_stream' });
    rig.intake.begin('same-content');
    rig.take(reading(packets, 0, 400, 1));
    rig.intake.finish();
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(rig.intake.format).toBe('mpegts');
  });

  it('drops a short answer behind packets that is no stream', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(3).take();
    rig.take(bytes);
    rig.intake.begin('other-content');
    rig.take(Buffer.from('<h1>Not found</h1>'));
    rig.intake.finish();
    expect([rig.stored.equals(bytes), rig.counts()[1]]).toEqual([true, 18]);
  });

  it('passes on a body without packets reading after reading, and refuses packets there', async () => {
    const rig = new Rig();
    rig.take(PLAIN);
    rig.intake.begin('same-content');
    rig.take(PLAIN.subarray(0, 100));
    rig.intake.begin('same-content');
    expect(rig.stored.length).toBe(PLAIN.length + 100);
    expect(await failureOf(() => rig.take(new Multiplex().group(3).take()))).toMatchObject({
      code: 'source_not_stream',
    });
    expect(rig.intake.splice()).toEqual({ bytes: Buffer.alloc(0), resumeAt: rig.log.end });
  });

  it('counts damage, and what there was no memory for', () => {
    const rig = new Rig(newLog(100 << 20, 1e12, segmentsOf(0)));
    const multiplex = new Multiplex();
    const before = multiplex.group(3).take();
    const after = multiplex.group(3).take();
    rig.take(Buffer.concat([before, Buffer.alloc(77, 0xaa), after]));
    const whole = before.length + after.length;
    expect(rig.counts()).toEqual([whole + 77, 77, 1, whole]);
  });

  it('says for how long no source has brought a byte, whatever else came', () => {
    const rig = new Rig();
    rig.take(new Multiplex().group(3).take());
    jest.advanceTimersByTime(1_500);
    rig.intake.keepAlive();
    rig.intake.begin('same-content');
    expect(rig.intake.silentMs(performance.now())).toBe(1_500);
  });

  it.each([
    ['by the time', 100, 3_000],
    ['by the bytes', 8 << 20, 0],
  ])('lets readers begin without a random-access point %s', (_, bytes, ms) => {
    const rig = new Rig();
    rig.take(new Multiplex().video(10).take());
    jest.advanceTimersByTime(ms);
    if (ms === 0) rig.take(new Multiplex().video(Math.ceil(bytes / PACKET_BYTES)).take(), SEGMENT_BYTES);
    expect(rig.intake.isJoinable(performance.now())).toBe(true);
    expect(rig.log.newestRandomAccess).toBeUndefined();
    expect(rig.intake.blindEntry).toEqual({ offset: rig.log.end, tables: Buffer.alloc(0) });
  });
});

describe('packets that say nothing', () => {
  it('come in whole between packets, and hurt neither them nor what is half there', () => {
    const rig = new Rig();
    const bytes = new Multiplex().group(3).take();
    rig.take(bytes.subarray(0, 1_000));
    rig.intake.keepAlive();
    rig.take(bytes.subarray(1_000));
    expect(pidsOf(rig.stored).filter(pid => pid === NULL_PID)).toHaveLength(7);
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(rig.stored.length).toBe(bytes.length + 7 * PACKET_BYTES);
    expect(rig.intake.bytesIn).toBe(bytes.length);
  });

  it.each([
    ['that is not known yet', Buffer.from('short')],
    ['without packets', PLAIN],
  ])('have no place in a body %s', (_, body) => {
    const rig = new Rig();
    rig.take(body);
    const before = rig.log.end;
    rig.intake.keepAlive();
    rig.intake.playSlate();
    expect([rig.log.end, jest.getTimerCount()]).toEqual([before, 0]);
  });

  it('do not disturb the search for where a reading goes on', () => {
    const packets = broadcast({ packets: 10 * GROUP_PACKETS });
    const rig = new Rig();
    rig.take(reading(packets, 0, 200));
    rig.intake.keepAlive();
    rig.intake.begin('same-content');
    rig.take(reading(packets, 100, 150, 4));
    rig.intake.keepAlive();
    rig.take(reading(packets, 150, 300, 4));
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(sequencesIn(rig.stored)).toEqual(sequencesIn(reading(packets, 0, 300)));
  });
});

describe('the slate', () => {
  /** A stream that broke, and shows the slate. */
  function slated(): { rig: Rig; packets: Buffer[]; shown: number } {
    const packets = broadcast({ packets: 40 * GROUP_PACKETS });
    const rig = new Rig();
    rig.take(reading(packets, 0, 200));
    rig.intake.playSlate();
    return { rig, packets, shown: 200 * PACKET_BYTES };
  }

  it('plays in real time from a random-access point, joined to what was shown', () => {
    const { rig, shown } = slated();
    const atOnce = rig.log.end;
    expect(atOnce).toBeGreaterThan(shown);
    expect(rig.log.newestRandomAccess!.offset).toBeGreaterThanOrEqual(shown);
    jest.advanceTimersByTime(4_000);
    expect((rig.log.end - atOnce) / PACKET_BYTES).toBeCloseTo(4 * 125, -1);
    expect(strictFaults(rig.stored)).toEqual([]);
    expect([rig.seams, rig.intake.bytesIn]).toEqual([[], shown]);
    rig.intake.finish();
  });

  it('is not started twice, and needs no packets that say nothing', () => {
    const { rig } = slated();
    const { end } = rig.log;
    rig.intake.playSlate();
    rig.intake.keepAlive();
    expect([rig.log.end, jest.getTimerCount()]).toEqual([end, 1]);
    rig.intake.finish();
  });

  it('plays on while a reading that was opened brings nothing, and gives way to its first bytes', () => {
    const { rig, packets } = slated();
    jest.advanceTimersByTime(2_000);
    rig.intake.begin('same-content');
    const opened = rig.log.end;
    jest.advanceTimersByTime(2_000);
    expect(rig.log.end).toBeGreaterThan(opened);
    rig.take(reading(packets, 500, 700, 3));
    expect(jest.getTimerCount()).toBe(0);
    const joined = rig.log.end;
    jest.advanceTimersByTime(5_000);
    expect(rig.log.end).toBe(joined);
    expect(rig.seams.map(({ outcome }) => outcome)).toEqual(['jump']);
    expect(sequencesIn(rig.stored).slice(-20)).toEqual(sequencesIn(reading(packets, 500, 700)).slice(-20));
    expect(strictFaults(rig.stored)).toEqual([]);
  });

  it('that begins only after a reading was opened gives way to its first bytes, too', () => {
    const packets = broadcast({ packets: 40 * GROUP_PACKETS });
    const rig = new Rig();
    rig.take(reading(packets, 0, 200));
    rig.intake.begin('same-content');
    rig.intake.playSlate();
    jest.advanceTimersByTime(1_000);
    rig.take(reading(packets, 500, 700, 3));
    expect(jest.getTimerCount()).toBe(0);
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(sequencesIn(rig.stored).slice(-20)).toEqual(sequencesIn(reading(packets, 500, 700)).slice(-20));
  });

  it('plays again after a reading that broke before it could be shown', () => {
    const { rig, packets } = slated();
    rig.intake.begin('same-content');
    rig.take(reading(packets, 500, 501, 1));
    rig.intake.playSlate();
    jest.advanceTimersByTime(1_000);
    rig.intake.begin('same-content');
    rig.take(reading(packets, 500, 700, 5));
    expect(strictFaults(rig.stored)).toEqual([]);
    expect(rig.seams).toHaveLength(1);
  });

  it('ends with the stream', () => {
    const { rig } = slated();
    rig.intake.finish();
    const { end } = rig.log;
    jest.advanceTimersByTime(5_000);
    expect([rig.log.end, jest.getTimerCount()]).toEqual([end, 0]);
  });
});
