/** Builds the packets the load client knows: tables, random-access points and stamped video. */

export interface PacketFields {
  pid: number;
  counter: number;
  randomAccess?: boolean;
  discontinuity?: boolean;
  stamp?: { ns: bigint; sequence: number };
}

/** One packet of 188 bytes. */
export function packet({ pid, counter, randomAccess, discontinuity, stamp }: PacketFields): Buffer {
  const bytes = Buffer.alloc(188, 0xff);
  const flags = (randomAccess ? 0x40 : 0) | (discontinuity ? 0x80 : 0);
  bytes.set([0x47, pid >> 8, pid & 0xff, (flags ? 0x30 : 0x10) | (counter & 0x0f)]);
  if (flags) bytes.set([1, flags], 4);
  if (stamp) {
    bytes.write('TSMP', 4, 'latin1');
    bytes.writeBigUInt64LE(stamp.ns, 8);
    bytes.writeUInt32LE(stamp.sequence, 16);
  }
  return bytes;
}

/** A flawless join (tables, random-access point) and then `stamped` stamped packets, numbered from 0. */
export function flawlessStream(stamped: number): Buffer[] {
  const join = [
    packet({ pid: 0, counter: 0 }),
    packet({ pid: 0x1000, counter: 0 }),
    packet({ pid: 0x100, counter: 0, randomAccess: true }),
  ];
  const video = Array.from({ length: stamped }, (_, sequence) =>
    packet({ pid: 0x100, counter: sequence + 1, stamp: { ns: 1_000_000n, sequence } }),
  );
  return [...join, ...video];
}
