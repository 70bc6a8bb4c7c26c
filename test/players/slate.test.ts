import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clipSource } from '../../workers/demo/clip.ts';
import { Seam } from '../../workers/shard/seam.ts';
import { Slate } from '../../workers/shard/slate.ts';
import { run } from '../helpers/run.ts';

/** What a cut frame of sound makes ffmpeg say. */
const CUT_SOUND = /PES packet size mismatch|Packet corrupt \(stream = 1|\[aac @|Error while decoding stream #0:1/;
const ROUND_MS = 16_000;
const PACKET_BYTES = 188;

/** What the slate plays in some time, which passes at once. */
function play(ms: number, emit: (run: Buffer) => void, pcr?: number): void {
  let nowMs = 0;
  let tick = (): void => {};
  const every = (_: number, callback: () => void): (() => void) => {
    tick = callback;
    return () => {};
  };
  const slate = new Slate(emit, { now: () => nowMs, every });
  slate.start(pcr);
  for (; nowMs <= ms; nowMs += 100) tick();
  slate.stop();
}

/** Part of the stand-in engine's clip. */
function clipPart(fromSecond: number, toSecond: number): Buffer {
  const clip = clipSource();
  const [from, to] = [fromSecond, toSecond].map(second => Math.round(second * clip.packetsPerSecond));
  const bytes = Buffer.alloc((to! - from!) * PACKET_BYTES);
  clip.fill(bytes, from!, to! - from!, 0);
  return bytes;
}

describe('a decoder of the slate', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-slate-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const decode = async (name: string, parts: readonly Buffer[]) => {
    const file = path.join(folder, `${name}.ts`);
    await writeFile(file, Buffer.concat(parts));
    const result = await run('ffmpeg', [
      '-hide_banner',
      '-nostats',
      '-v',
      'warning',
      '-i',
      file,
      '-map',
      '0',
      '-f',
      'null',
      '-',
    ]);
    const { stdout: report } = await run('tsreport', ['-b', file]);
    expect(report).not.toMatch(/### CC error|TS packet starts/);
    return result;
  };

  it('notices nothing in three rounds and more, and finds every picture and every frame of sound', async () => {
    const parts: Buffer[] = [];
    play(3.5 * ROUND_MS, bytes => parts.push(Buffer.from(bytes)));
    const { complaints } = await decode('rounds', parts);
    expect(complaints).toEqual([]);
    const file = path.join(folder, 'rounds.ts');
    for (const [kind, ticksPerFrame, frames] of [
      ['v', 3600, 1400],
      ['a', 1920, 2625],
    ] as const) {
      const asked = ['-v', 'warning', '-select_streams', kind, '-show_entries', 'packet=pts', '-of', 'csv=p=0', file];
      const { stdout } = await run('ffprobe', asked);
      const times = stdout
        .split('\n')
        .map(line => Number.parseInt(line, 10))
        .filter(Number.isFinite);
      expect(times.length).toBeGreaterThan(frames);
      expect(new Set(times.slice(1).map((time, i) => time - times[i]!))).toEqual(new Set([ticksPerFrame]));
    }
  });

  it('complains about no more than the cut when it takes over from a broadcast and gives back to it', async () => {
    const parts: Buffer[] = [];
    let nowMs = 0;
    const seam = new Seam(
      bytes => parts.push(Buffer.from(bytes)),
      () => nowMs,
    );
    seam.push(clipPart(0, 5.37));
    nowMs += 1_500; // Until somebody noticed.
    seam.begin('other-content');
    play(4_000, bytes => seam.push(bytes), seam.clock);
    seam.begin('other-content');
    seam.push(clipPart(11, 15));
    expect(seam.lastSearch).toMatchObject({ outcome: 'jump' });
    // A frame of sound that was cut can't be taken back.
    const { complaints } = await decode('both', parts);
    expect(complaints.filter(line => !CUT_SOUND.test(line))).toEqual([]);
    expect(complaints.length).toBeLessThan(10);
  });
});
