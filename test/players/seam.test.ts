import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clipSource } from '../../workers/demo/clip.ts';
import { Seam } from '../../workers/shard/seam.ts';
import { run } from '../helpers/run.ts';

const PACKET_BYTES = 188;
/** ffmpeg moves times over a jump of more than 10 s itself, by what one stream shows; the other one may then overlap. */
const OWN_CORRECTION = /non monotonically increasing dts/;
/** What a cut frame of sound makes ffmpeg say. */
const CUT_SOUND = /PES packet size mismatch|Packet corrupt \(stream = 1|\[aac @|Error while decoding stream #0:1/;
/** Without it ffmpeg puts pictures into slots of a frame rate, and complains when a jump of the clock leaves two in one. */
const AS_THEY_ARE = ['-fps_mode', 'passthrough', '-enc_time_base', '1:90000'];
const VIDEO_PID = 0x100;
const AUDIO_PID = 0x101;
const clip = clipSource();
const SECOND = Math.round(clip.packetsPerSecond);

/** Part of the endless clip. */
function part(fromSecond: number, toSecond: number, shiftSeconds = 0): Buffer {
  const from = Math.round(fromSecond * SECOND);
  const count = Math.round(toSecond * SECOND) - from;
  const bytes = Buffer.alloc(count * PACKET_BYTES);
  clip.fill(bytes, from, count, shiftSeconds * 90_000);
  return bytes;
}

/** The first moment after another at which no picture and no frame of sound is cut. */
function wholeUnitsEnd(fromSecond: number): number {
  const bytes = part(fromSecond, fromSecond + 1);
  const next = (pid: number, at: number): number => {
    for (let i = at; i < bytes.length; i += PACKET_BYTES) if ((bytes.readUInt16BE(i + 1) & 0x1fff) === pid) return i;
    throw new Error(`no more packets of PID ${pid}`);
  };
  for (let at = 0; ; at += PACKET_BYTES)
    if ([VIDEO_PID, AUDIO_PID].every(pid => (bytes[next(pid, at) + 1]! & 0x40) !== 0))
      return (Math.round(fromSecond * SECOND) + at / PACKET_BYTES) / SECOND;
}

describe('a decoder behind a seam', () => {
  let folder: string;
  let parts: Buffer[];
  let seam: Seam;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-seam-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const open = (): void => {
    parts = [];
    seam = new Seam(run => parts.push(Buffer.from(run)));
  };

  const push = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; at += 40 * PACKET_BYTES)
      seam.push(Buffer.from(bytes.subarray(at, at + 40 * PACKET_BYTES)));
  };

  /** What decoding the result prints, and how long it takes in the end. */
  async function decode(name: string): Promise<{ complaints: string[]; report: string }> {
    const file = path.join(folder, `${name}.ts`);
    await writeFile(file, Buffer.concat(parts));
    const args = [
      '-hide_banner',
      '-nostats',
      '-v',
      'warning',
      '-i',
      file,
      '-map',
      '0',
      ...AS_THEY_ARE,
      '-f',
      'null',
      '-',
    ];
    const { code, complaints } = await run('ffmpeg', args);
    expect(code).toBe(0);
    const { stdout } = await run('tsreport', ['-b', file]);
    return { complaints, report: stdout };
  }

  it('notices nothing where the second reading repeats the past, cut in the middle of a picture', async () => {
    open();
    push(part(0, 7.37));
    seam.begin('same-content');
    push(part(2.11, 9.83));
    seam.begin('same-content');
    push(part(9.4, 14));
    expect(Buffer.concat(parts).equals(part(0, 14))).toBe(true);
    const { complaints, report } = await decode('seamless');
    expect(complaints).toEqual([]);
    expect(report).not.toMatch(/### CC error|TS packet starts/);
  });

  const readings = [
    ['that has moved on', 'same-content', 10.3, 0],
    ['of another source', 'other-content', 3.3, 4_000],
    ['of another source, whose clock is behind', 'other-content', 30.3, -25],
  ] as const;

  async function decodeJump(cut: number, [name, relation, from, shift]: (typeof readings)[number]) {
    open();
    push(part(0, cut));
    seam.begin(relation);
    push(part(from, wholeUnitsEnd(from + 6), shift));
    expect(seam.lastSearch).toMatchObject({ outcome: 'jump' });
    const { complaints, report } = await decode(name.replaceAll(' ', '-'));
    expect(report).not.toMatch(/### CC error|TS packet starts/);
    return complaints;
  }

  it.each(readings)('notices nothing of a jump between whole units to a reading %s', async (...reading) => {
    const complaints = await decodeJump(wholeUnitsEnd(5.3), reading);
    expect(complaints.filter(line => !OWN_CORRECTION.test(line))).toEqual([]);
  });

  it.each(readings)(
    'complains about the units that were cut, and nothing else, before a reading %s',
    async (...reading) => {
      const complaints = await decodeJump(5.37, reading);
      // The half frame of sound cannot be taken back: the parser completes it with the beginning of the next one.
      const others = complaints.filter(line => !OWN_CORRECTION.test(line) && !CUT_SOUND.test(line));
      expect(others).toEqual([]);
      expect(complaints.length).toBeLessThan(10);
    },
  );
});
