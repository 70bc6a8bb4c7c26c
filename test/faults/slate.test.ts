import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { run } from '../helpers/run.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until } from '../helpers/until.ts';
import type { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
/** Long enough for three seconds of slate. */
const OUTAGE_MS = 5_000;
/** How wide the pictures of the stand-in's clip are, and those of the slate. */
const [BROADCAST, SLATE] = ['480', '640'];
/** The picture and the frame of sound that were cut can't be taken back, and the clock jumps where it says so. */
const CUT =
  /corrupt decoded frame|\[h264 @.*\] Reference -?\d+ >= \d+|error while decoding MB|concealing|PES packet size mismatch|Packet corrupt|\[aac @|Error while decoding stream #0:1|Error submitting packet|out of order|non monoton/;

describe('an outage of some seconds', () => {
  let engine: StandIn;
  let gateway: TestGateway;
  let folder: string;
  let viewers: Viewer[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-slate-'));
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'clip' });
  });

  afterEach(async () => {
    await gateway.close();
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Two viewers watch, and the engine loses the session and takes its time to start the next. */
  async function beginOutage(slate: boolean): Promise<void> {
    gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, SLATE: String(slate), RECOVERY_TIMEOUT: '20' });
    await until('the engine to be healthy', async () => sum(await gateway.metric('sluice_engine_up')) === 1);
    viewers = [0, 1].map(() => gateway.watch(`infohash=${INFOHASH}`, { keep: true }));
    await Promise.all(viewers.map(viewer => viewer.more(1_500)));
    engine.patchContent(INFOHASH, {
      faults: { cut: { session: 'dies' }, slowStart: { delayMs: OUTAGE_MS, times: 1 } },
    });
    await until('the outage', () => gateway.log.some(({ msg }) => msg.startsWith('stream interrupted')));
  }

  /** Waits for the end of the outage and some pictures behind it. */
  async function endOutage(): Promise<void> {
    await until('the recovery', () => gateway.log.some(({ msg }) => msg === 'stream recovered'), 20_000);
    await Promise.all(viewers.map(viewer => viewer.more(1_500)));
    for (const { check, isClosed } of viewers) {
      const { syncErrors, counterJumps } = check;
      expect({ isClosed, syncErrors, counterJumps }).toEqual({ isClosed: false, syncErrors: 0, counterJumps: 0 });
    }
    for (const viewer of viewers) viewer.leave();
  }

  /** What players make of the bytes: widths of the pictures, one for each stretch, and what the decoder says. */
  async function decode(viewer: Viewer): Promise<{ widths: string[]; complaints: string[] }> {
    const file = path.join(folder, 'seen.ts');
    await writeFile(file, viewer.body);
    const decoding = ['-hide_banner', '-nostats', '-v', 'warning', '-i', file, '-map', '0', '-f', 'null', '-'];
    const { code, complaints } = await run('ffmpeg', decoding);
    expect(code).toBe(0);
    const looking = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=width', '-of', 'csv=p=0', file];
    const { stdout } = await run('ffprobe', looking);
    const { stdout: report } = await run('tsreport', ['-b', file]);
    expect(report).not.toMatch(/### CC error|TS packet starts/);
    const widths = stdout.split(/\s+/).filter(width => /^\d+$/.test(width));
    return { widths: widths.filter((width, i) => width !== widths[i - 1]), complaints };
  }

  it('shows the slate where that is wanted, at its pace, and then the stream again, to a decoder that goes on', async () => {
    await beginOutage(true);
    const slate = viewers[0]!;
    const shown = (): number => slate.check.packets - slate.check.nulls;
    const before = shown();
    await until('the slate', () => shown() > before);
    const arrivals = [performance.now()];
    slate.socket.on('data', () => arrivals.push(performance.now()));
    await until('two seconds of it', () => shown() > before + 375);
    const gapsMs = arrivals.slice(1).map((atMs, i) => atMs - arrivals[i]!);
    expect(Math.max(...gapsMs)).toBeLessThan(600);
    await endOutage();
    for (const viewer of viewers) {
      const { widths, complaints } = await decode(viewer);
      expect(widths).toEqual([BROADCAST, SLATE, BROADCAST]);
      expect(complaints.filter(line => !CUT.test(line))).toEqual([]);
      expect(complaints.length).toBeLessThan(20);
      expect(viewer.check.discontinuities).toBeGreaterThan(0);
    }
  }, 60_000);

  it('is bridged with null packets where no slate is wanted, and nothing else is shown', async () => {
    await beginOutage(false);
    const { check } = viewers[0]!;
    const before = { packets: check.packets, nulls: check.nulls };
    await until('some null packets', () => check.nulls >= before.nulls + 14);
    expect(check.packets - before.packets).toBe(check.nulls - before.nulls);
    await endOutage();
    const { widths, complaints } = await decode(viewers[0]!);
    expect(widths).toEqual([BROADCAST]);
    expect(complaints.filter(line => !CUT.test(line))).toEqual([]);
  }, 60_000);
});
