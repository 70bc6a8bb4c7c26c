import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { DemoEngineListening } from '../../workers/demo-engine.worker.ts';
import { type Arrival, longestGapMs, monotonicMs, ThreadViewer } from '../helpers/arrivals.ts';
import { startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { until, within } from '../helpers/until.ts';

/** Every stand-in engine has this one: stamped, at 8 Mbit/s. */
const INFOHASH = `${'b'.repeat(32)}00000000`;
const BYTES_PER_SECOND = 1_000_000;
const BLOCKED_MS = 2_000;
/** Flushes are at most some tens of ms apart; the rest is for a busy machine. */
const MAX_GAP_MS = 300;
/** A busy machine may delay any single attempt. */
const ATTEMPTS = 3;

/** Does nothing, but keeps this thread from doing anything else. */
function block(): { fromMs: number; untilMs: number } {
  const fromMs = monotonicMs();
  let nowMs = fromMs;
  while (nowMs < fromMs + BLOCKED_MS) nowMs = monotonicMs();
  return { fromMs, untilMs: nowMs };
}

describe('a front that is blocked for 2 s', () => {
  let worker: Worker;
  let engineUrl: string;
  let gateway: TestGateway;
  let viewers: ThreadViewer[];

  beforeAll(async () => {
    // In a thread of its own, or it would be blocked as well.
    worker = new Worker(new URL('../../dist/workers/demo-engine.worker.js', import.meta.url), {
      workerData: { host: '127.0.0.1', port: 0, timeScale: 0.02 },
    });
    const [{ port }] = (await within('the engine to listen', once(worker, 'message'))) as [DemoEngineListening];
    engineUrl = `http://127.0.0.1:${port}`;
  });

  afterAll(async () => {
    worker.postMessage({ type: 'close' });
    await within('the end of the engine', once(worker, 'exit'));
  });

  beforeEach(async () => {
    gateway = await startGateway({ ACESTREAM_ENGINES: engineUrl, STALL_TIMEOUT: '0.5' });
    await until('the engine to be healthy', async () => sum(await gateway.metric('sluice_engine_up')) === 1);
    viewers = [0, 1].map(() => new ThreadViewer(gateway.port, `/ace/getstream?infohash=${INFOHASH}`));
    const got = viewers.map(() => 0);
    await until('the stream to be paced for both viewers', async () => {
      for (const [i, viewer] of viewers.entries()) got[i]! += bytesOf(await viewer.arrivals());
      return got.every(bytes => bytes > 3 * BYTES_PER_SECOND);
    });
  });

  afterEach(async () => {
    await Promise.all(viewers.map(viewer => viewer.leave()));
    await gateway.close();
  });

  const bytesOf = (arrivals: readonly Arrival[]): number => arrivals.reduce((total, [, bytes]) => total + bytes, 0);

  it('does not stop the bytes, nor make them late', async () => {
    const gapsMs: number[] = [];
    for (let attempt = 0; attempt < ATTEMPTS && !gapsMs.some(ms => ms < MAX_GAP_MS); attempt++) {
      const { fromMs, untilMs } = block();
      const seen = await Promise.all(viewers.map(viewer => viewer.arrivals()));
      for (const arrivals of seen) {
        const meanwhile = bytesOf(arrivals.filter(([atMs]) => atMs > fromMs && atMs < untilMs));
        expect(meanwhile).toBeGreaterThan(BYTES_PER_SECOND * 1.5);
      }
      gapsMs.push(Math.max(...seen.map(arrivals => longestGapMs(arrivals, fromMs, untilMs))));
    }
    expect(Math.min(...gapsMs)).toBeLessThan(MAX_GAP_MS);
  });

  it('does not keep a broken stream from being brought back', async () => {
    await control({ eof: { afterMs: 0 } });
    const { fromMs, untilMs } = block();
    for (const viewer of viewers) {
      const meanwhile = (await viewer.arrivals()).filter(([atMs]) => atMs > fromMs && atMs < untilMs);
      expect(bytesOf(meanwhile)).toBeGreaterThan(BYTES_PER_SECOND);
    }
    await until('the recovery to be noticed', () => gateway.log.some(({ msg }) => msg === 'stream recovered'));
    expect(gateway.log.find(({ msg }) => msg === 'readings joined')).toMatchObject({ outcome: 'seamless' });
  });

  /** Tells the engine's thread, which has ended the body by the time that it answers, or is about to. */
  async function control(faults: object): Promise<void> {
    const body = JSON.stringify({ faults });
    const answer = await fetch(`${engineUrl}/sim/contents/${INFOHASH}`, { method: 'PATCH', body });
    expect(answer.status).toBe(200);
  }
});
