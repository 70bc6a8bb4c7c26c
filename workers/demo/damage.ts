import { crc32, PACKET_BYTES, pidOf, startsUnit } from '../../src/shared/mpegts.ts';
import type { Damage } from './faults.ts';
import { PMT_PID } from './packets.ts';

/** Added to a continuity counter to make it wrong: neither the next value nor a repetition. */
const COUNTER_ERROR = 5;

function setPmtVersion(packets: Buffer, at: number, version: number): void {
  const section = at + 5 + packets[at + 4]!;
  const end = section + 3 + (packets.readUInt16BE(section + 1) & 0x0fff) - 4;
  packets[section + 5] = (packets[section + 5]! & 0xc1) | ((version & 0x1f) << 1);
  packets.writeUInt32BE(crc32(packets.subarray(section, end)), end);
}

/**
 * Damages whole packets in place and returns what is left of them.
 * @param position of the first packet in the stream; which packets suffer depends on it alone
 */
export function applyDamage(packets: Buffer, position: number, damage: Damage): Buffer {
  let kept = 0;
  for (let at = 0, index = position; at < packets.length; at += PACKET_BYTES, index++) {
    if (damage.loseOneIn && index % damage.loseOneIn === 0) continue;
    if (kept !== at) packets.copyWithin(kept, at, at + PACKET_BYTES);
    if (damage.wrongCounterOneIn && index % damage.wrongCounterOneIn === 0)
      packets[kept + 3] = (packets[kept + 3]! & 0xf0) | ((packets[kept + 3]! + COUNTER_ERROR) & 0x0f);
    if (damage.pmtVersion !== undefined && pidOf(packets, kept) === PMT_PID && startsUnit(packets, kept))
      setPmtVersion(packets, kept, damage.pmtVersion);
    kept += PACKET_BYTES;
  }
  return packets.subarray(0, kept);
}
