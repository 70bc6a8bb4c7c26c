/** What viewers who never read do to the others: nothing, or so it should be. */
import { judge, measure, withServer } from '../lib/measure.ts';
import type { ScenarioResults, SlowViewersSample } from '../lib/results.ts';
import { type Server, STREAM_BITS_PER_SECOND, type VariantName, variants } from '../lib/servers.ts';
import { chosenVariants, type Settings } from '../lib/settings.ts';
import { openStalledViewers } from '../lib/viewer.ts';

const HEALTHY_VIEWERS = 100;
const STALLED_VIEWERS = [0, 1, 10, 100];
/** The kernel takes some megabytes for a viewer who doesn't read: only after that does the server notice. */
const WARM_UP_MS = 5_000;

async function sample(name: VariantName, stalledViewers: number, windowMs: number): Promise<SlowViewersSample> {
  const variant = variants[name];
  const measured = await withServer(variant, async (server: Server) => {
    const closeStalled = await openStalledViewers(server.address, stalledViewers);
    try {
      return await measure(server, { viewers: HEALTHY_VIEWERS, warmUpMs: WARM_UP_MS, windowMs });
    } finally {
      closeStalled();
    }
  });
  const least = measured.load.leastViewerBytesPerSecond;
  return {
    variant: name,
    stalledViewers,
    ...measured,
    leastDeliveredShare: least === null ? null : (least * 8) / STREAM_BITS_PER_SECOND,
    refused: judge(variant.reference, measured).refused,
  };
}

/** Runs the scenario for each number of stalled viewers. */
export async function slowViewers(settings: Settings): Promise<ScenarioResults> {
  const samples: SlowViewersSample[] = [];
  const failures: string[] = [];
  for (const name of chosenVariants(
    settings,
    settings.mode === 'full' ? ['handoff', 'relay', 'res-write'] : ['handoff'],
  )) {
    for (const stalledViewers of STALLED_VIEWERS) {
      const taken = await sample(name, stalledViewers, settings.windowMs);
      samples.push(taken);
      const what = `slow viewers, ${variants[name].title}, ${stalledViewers} stalled`;
      settings.log(`${what}: p99 ${taken.load.latencyMs.p99} ms, ${taken.load.lostPackets} packets lost`);
      const { failure } = judge(variants[name].reference, taken);
      if (failure !== null) failures.push(`${what}: ${failure}`);
    }
  }
  return { slowViewers: samples, failures };
}
