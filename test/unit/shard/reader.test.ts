import { describe, expect, it } from '@jest/globals';
import { SEGMENT_BYTES } from '../../../src/shared/budget.ts';
import { ReaderTable } from '../../../src/shared/reader-table.ts';
import type { PacketLog } from '../../../workers/shard/packet-log.ts';
import { Reader } from '../../../workers/shard/reader.ts';
import { newLog } from '../support/logs.ts';
import { ScriptedOutlet } from '../support/scripted-outlet.ts';
import { Multiplex, PACKET_BYTES } from '../support/ts.ts';

const HEAD = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
const BEFORE = Buffer.concat([HEAD, new Multiplex().tables().take()]);
const STREAM = new Multiplex().group(10).take();
const SLOT = 1;

function reading({ cursor = 0, before = BEFORE, headBytes = HEAD.length, room = Number.POSITIVE_INFINITY } = {}) {
  const table = new ReaderTable(3);
  const reader = new Reader(7, SLOT, table, 100);
  const outlet = new ScriptedOutlet(room);
  reader.open(outlet);
  reader.join(before, headBytes, cursor);
  return { reader, outlet, table };
}

function logWith(stream: Buffer, maxBytes = 100 << 20): PacketLog {
  const log = newLog(maxBytes);
  log.append(stream, 0);
  return log;
}

/** Several segments of packets, each of which tells its number. */
function numbered(packets: number): Buffer {
  const bytes = Buffer.alloc(packets * PACKET_BYTES);
  for (let i = 0; i < packets; i++) {
    bytes[i * PACKET_BYTES] = 0x47;
    bytes.writeUInt32BE(i, i * PACKET_BYTES + 4);
  }
  return bytes;
}

describe('a reader', () => {
  it('gets what belongs before its place, then the log up to live', () => {
    const { reader, outlet, table } = reading();
    expect(reader.pump(logWith(STREAM), PACKET_BYTES, 200)).toBe('live');
    expect(outlet.received.equals(Buffer.concat([BEFORE, STREAM]))).toBe(true);
    expect([table.bytes(SLOT), table.headBytes(SLOT), table.lagBytes(SLOT)]).toEqual([
      BEFORE.length + STREAM.length,
      HEAD.length,
      0,
    ]);
    expect(reader.stuckMs(1e6)).toBe(0);
    expect(reader.takeWritten()).toBe(BEFORE.length + STREAM.length);
    expect(reader.takeWritten()).toBe(0);
  });

  it('begins where it is told to', () => {
    const { reader, outlet } = reading({ cursor: 5 * PACKET_BYTES });
    reader.pump(logWith(STREAM), PACKET_BYTES, 0);
    expect(outlet.received.subarray(BEFORE.length).equals(STREAM.subarray(5 * PACKET_BYTES))).toBe(true);
  });

  it('goes on where it was when more has come, and does not write when nothing has', () => {
    const { reader, outlet } = reading();
    const log = logWith(STREAM.subarray(0, 10 * PACKET_BYTES));
    reader.pump(log, PACKET_BYTES, 1);
    const offers = outlet.offers.length;
    expect(reader.pump(log, PACKET_BYTES, 2)).toBe('live');
    expect(outlet.offers).toHaveLength(offers);
    expect(reader.stuckMs(1e6)).toBe(0);
    log.append(STREAM.subarray(10 * PACKET_BYTES), 0);
    expect(reader.pump(log, PACKET_BYTES, 3)).toBe('live');
    expect(outlet.received.equals(Buffer.concat([BEFORE, STREAM]))).toBe(true);
  });

  it('gets every byte exactly once when each write is cut short, at any byte', () => {
    for (let step = 1; step <= 600; step++) {
      const { reader, outlet, table } = reading({ room: step });
      const log = logWith(STREAM);
      let passes = 0;
      for (; reader.pump(log, PACKET_BYTES, passes) === 'blocked'; passes++) {
        outlet.room = step;
        reader.unblock();
        if (passes > 100_000) throw new Error('no progress');
      }
      expect({ step, same: outlet.received.equals(Buffer.concat([BEFORE, STREAM])) }).toEqual({ step, same: true });
      expect(passes).toBeGreaterThan(0);
      expect(table.bytes(SLOT)).toBe(BEFORE.length + STREAM.length);
    }
  });

  it('keeps the rest of a packet that was cut, though the log has moved on, and stands on the packet grid then', () => {
    const stream = numbered((4 * SEGMENT_BYTES) / PACKET_BYTES);
    const skippedTo = 3 * SEGMENT_BYTES + 10 * PACKET_BYTES;
    const bridge = new Multiplex().tables().take();
    for (let cut = 1; cut <= 600; cut++) {
      const { reader, outlet, table } = reading({ before: Buffer.alloc(0), headBytes: 0, room: cut });
      const log = newLog(SEGMENT_BYTES);
      log.append(stream.subarray(0, SEGMENT_BYTES), 0);
      expect(reader.pump(log, PACKET_BYTES, 0)).toBe('blocked');
      log.append(stream.subarray(SEGMENT_BYTES), 0);
      outlet.room = Number.POSITIVE_INFINITY;
      reader.unblock();
      expect(reader.pump(log, PACKET_BYTES, 0)).toBe('lost-place');
      const whole = Math.ceil(cut / PACKET_BYTES) * PACKET_BYTES;
      expect(outlet.received.equals(stream.subarray(0, whole))).toBe(true);
      expect(reader.skipTo(skippedTo, bridge)).toBe(skippedTo - whole);
      expect(reader.pump(log, PACKET_BYTES, 0)).toBe('live');
      expect(
        outlet.received.equals(Buffer.concat([stream.subarray(0, whole), bridge, stream.subarray(skippedTo)])),
      ).toBe(true);
      expect(table.skips(SLOT)).toBe(1);
    }
  }, 120_000);

  it('that is full waits: nothing is offered until somebody unblocks it', () => {
    const { reader, outlet, table } = reading({ room: BEFORE.length + 1000 });
    const log = logWith(STREAM);
    expect(reader.pump(log, PACKET_BYTES, 1)).toBe('blocked');
    expect(reader.blocked).toBe(true);
    // What is lacking of the packet that was cut no longer counts as lag.
    expect(table.lagBytes(SLOT)).toBe(STREAM.length - 6 * PACKET_BYTES);
    const offers = outlet.offers.length;
    outlet.room = Number.POSITIVE_INFINITY;
    expect(reader.pump(log, PACKET_BYTES, 2)).toBe('blocked');
    expect(outlet.offers).toHaveLength(offers);
    expect(reader.stuckMs(2)).toBe(1);
    reader.unblock();
    expect(reader.pump(log, PACKET_BYTES, 3)).toBe('live');
    expect([reader.blocked, reader.stuckMs(4), table.lagBytes(SLOT)]).toEqual([false, 0, 0]);
  });

  it('that takes nothing is stuck, since the first time that it took nothing', () => {
    const { reader } = reading({ room: 0 });
    const log = logWith(STREAM);
    expect(reader.stuckMs(499)).toBe(0);
    for (const nowMs of [500, 600, 700]) {
      expect(reader.pump(log, PACKET_BYTES, nowMs)).toBe('blocked');
      reader.unblock();
    }
    expect([reader.stuckMs(750), reader.takeWritten(), reader.hasSent]).toEqual([250, 0, false]);
  });

  it('that takes a single byte is stuck only from then on', () => {
    const { reader, outlet } = reading({ room: 0 });
    const log = logWith(STREAM);
    reader.pump(log, PACKET_BYTES, 500);
    outlet.room = 1;
    reader.unblock();
    expect(reader.pump(log, PACKET_BYTES, 900)).toBe('blocked');
    expect(reader.stuckMs(1_000)).toBe(100);
  });

  it('that is gone is reported, while it waits for its head and later', () => {
    const early = reading();
    early.outlet.gone = true;
    expect(early.reader.pump(logWith(STREAM), PACKET_BYTES, 0)).toBe('gone');
    const late = reading();
    const log = logWith(STREAM.subarray(0, 188));
    late.reader.pump(log, PACKET_BYTES, 0);
    late.outlet.gone = true;
    log.append(STREAM.subarray(188), 0);
    expect(late.reader.pump(log, PACKET_BYTES, 0)).toBe('gone');
  });

  it('takes no more than about a megabyte in one pass, so that others get their turn', () => {
    const stream = numbered((4 * SEGMENT_BYTES) / PACKET_BYTES);
    const log = logWith(stream);
    const { reader, outlet, table } = reading({ before: Buffer.alloc(0) });
    const results: string[] = [];
    for (let before = 0; results.at(-1) !== 'live'; before = outlet.received.length) {
      results.push(reader.pump(log, PACKET_BYTES, 0));
      // What it lacks of live is its lag, though it is not blocked.
      expect([table.lagBytes(SLOT), reader.blocked]).toEqual([stream.length - outlet.received.length, false]);
      expect(outlet.received.length - before).toBeLessThan(2 * SEGMENT_BYTES);
      if (results.length > 10) throw new Error('no end');
    }
    expect(results.filter(result => result === 'more').length).toBeGreaterThanOrEqual(2);
    expect(outlet.received.equals(stream)).toBe(true);
  });

  it('knows that its place is gone only after what it still owes was written', () => {
    const { reader, outlet } = reading({ cursor: 0 });
    const log = logWith(numbered(3 * 5578), SEGMENT_BYTES);
    expect(log.start).toBeGreaterThan(0);
    expect(reader.pump(log, PACKET_BYTES, 0)).toBe('lost-place');
    expect(outlet.received.equals(BEFORE)).toBe(true);
  });

  it('that is moved before it got all that belongs before its place gets that first', () => {
    const { reader, outlet } = reading({ room: 30 });
    const log = logWith(STREAM);
    reader.pump(log, PACKET_BYTES, 0);
    const bridge = new Multiplex().tables().take();
    expect(reader.skipTo(5 * PACKET_BYTES, bridge)).toBe(5 * PACKET_BYTES);
    outlet.room = Number.POSITIVE_INFINITY;
    reader.unblock();
    reader.pump(log, PACKET_BYTES, 0);
    expect(outlet.received.equals(Buffer.concat([BEFORE, bridge, STREAM.subarray(5 * PACKET_BYTES)]))).toBe(true);
  });

  it('of a body without packets goes on at the very byte where it was cut', () => {
    const body = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 0xff));
    const { reader, outlet } = reading({ room: BEFORE.length + 1 });
    const log = logWith(body);
    while (reader.pump(log, 1, 0) === 'blocked') {
      outlet.room = 1;
      reader.unblock();
    }
    expect(outlet.received.subarray(BEFORE.length).equals(body)).toBe(true);
  });
});

describe('a reader that got bytes from a shard which died', () => {
  const resumed = (sent: number, headBytes: number): Reader => {
    const table = new ReaderTable(3);
    table.setBytes(SLOT, sent);
    table.setHeadBytes(SLOT, headBytes);
    return new Reader(7, SLOT, table, 0);
  };

  it('gets the rest of its response head', () => {
    for (let sent = 1; sent < HEAD.length; sent++)
      expect(resumed(sent, HEAD.length).resumption(HEAD, true)).toEqual(HEAD.subarray(sent));
  });

  it('gets a filler up to the next packet, and none where it stands on the grid', () => {
    for (let cut = 0; cut < 3 * PACKET_BYTES; cut++) {
      const filler = resumed(HEAD.length + cut, HEAD.length).resumption(HEAD, true);
      expect((cut + filler.length) % PACKET_BYTES).toBe(0);
      expect(filler.length).toBeLessThan(PACKET_BYTES);
      expect(filler.includes(0x47)).toBe(false);
    }
  });

  it('gets no filler in a body without packets', () => {
    expect(resumed(HEAD.length + 5, HEAD.length).resumption(HEAD, false)).toHaveLength(0);
  });

  it('knows that something was sent, and keeps the length of the head that was', () => {
    const table = new ReaderTable(3);
    table.setBytes(SLOT, 1000);
    table.setHeadBytes(SLOT, 60);
    const reader = new Reader(7, SLOT, table, 0);
    expect(reader.hasSent).toBe(true);
    reader.open(new ScriptedOutlet());
    reader.join(Buffer.alloc(0), 0, 0);
    expect(table.headBytes(SLOT)).toBe(60);
  });
});

describe('the end of a reader', () => {
  it('answers a viewer that got nothing with a whole response, then ends the connection', () => {
    const table = new ReaderTable(3);
    const reader = new Reader(7, SLOT, table, 0);
    const outlet = new ScriptedOutlet();
    reader.open(outlet);
    reader.finish(Buffer.from('HTTP/1.1 504 no'));
    expect([outlet.received.toString(), outlet.ended, reader.machine.state]).toEqual([
      'HTTP/1.1 504 no',
      1,
      'detached',
    ]);
    expect(table.bytes(SLOT)).toBe(15);
  });

  it('puts no response into a body that was begun', () => {
    const { reader, outlet } = reading();
    reader.pump(logWith(STREAM), PACKET_BYTES, 0);
    const before = outlet.received.length;
    reader.finish(Buffer.from('HTTP/1.1 504 no'));
    expect([outlet.received.length, outlet.ended]).toEqual([before, 1]);
  });

  it('without a response only ends the connection', () => {
    const { reader, outlet } = reading();
    reader.finish(undefined);
    expect([outlet.received.length, outlet.ended]).toEqual([0, 1]);
  });

  it('comes once', () => {
    const { reader } = reading();
    reader.finish(undefined);
    expect(() => reader.finish(undefined)).toThrow("'detach' is not legal in state 'detached'");
  });
});
