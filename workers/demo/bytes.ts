import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import type { PacketSource } from './packet-source.ts';

/** A prime, so that the pattern never falls into step with the packet grid. */
const PERIOD_BYTES = 251;

const pattern = Buffer.from(Array.from({ length: PERIOD_BYTES * PACKET_BYTES }, (_, at) => at % PERIOD_BYTES));

/** Endless bytes that are no MPEG-TS: the byte at offset n is n modulo 251. Counted in units of 188 bytes like the rest. */
export function bytesSource(bitsPerSecond: number): PacketSource {
  return {
    packetsPerSecond: bitsPerSecond / 8 / PACKET_BYTES,
    loopPackets: PERIOD_BYTES,
    fill(target, position, count) {
      for (let done = 0; done < count; ) {
        const first = (position + done) % PERIOD_BYTES;
        const part = Math.min(count - done, PERIOD_BYTES - first);
        pattern.copy(target, done * PACKET_BYTES, first * PACKET_BYTES, (first + part) * PACKET_BYTES);
        done += part;
      }
    },
  };
}
