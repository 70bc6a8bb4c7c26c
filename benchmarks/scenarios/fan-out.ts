/** What one stream to N viewers costs: processor time, memory and latency, each variant in a process of its own. */
import { judge, measure, withServer } from '../lib/measure.ts';
import type { FanOutSample, ScenarioResults } from '../lib/results.ts';
import { floorBinary, type VariantName, variants } from '../lib/servers.ts';
import { chosenVariants, type Settings } from '../lib/settings.ts';

function ownVariants(mode: Settings['mode']): VariantName[] {
  const floors: VariantName[] = floorBinary() === null ? [] : ['floor-write', 'floor-sendfile-20'];
  if (mode === 'smoke') return ['handoff', 'relay', 'res-write'];
  if (mode === 'short') return ['handoff', 'relay', 'res-write', ...floors];
  return ['handoff', 'handoff-immediate', 'relay', 'res-write', ...floors];
}

/** Runs the scenario; the order of the variants is reversed each round, so that none is always the one after another. */
export async function fanOut(settings: Settings): Promise<ScenarioResults> {
  const names = chosenVariants(settings, ownVariants(settings.mode));
  const samples: FanOutSample[] = [];
  const failures: string[] = [];
  for (let round = 1; round <= settings.rounds; round++) {
    const order = round % 2 === 1 ? names : [...names].reverse();
    for (const viewers of settings.viewers) {
      for (const name of order) {
        const variant = variants[name];
        const { warmUpMs, windowMs } = settings;
        const measured = await withServer(variant, server => measure(server, { viewers, warmUpMs, windowMs }));
        const { refused, failure } = judge(variant.reference, measured);
        samples.push({ variant: name, viewers, round, ...measured, refused });
        const what = `fan-out, ${variant.title}, ${viewers} viewers`;
        settings.log(
          refused === null ? `${what}: ${measured.cpuPercent.toFixed(1)} % CPU` : `${what}: refused, ${refused}`,
        );
        if (failure !== null) failures.push(`${what}: ${failure}`);
      }
    }
  }
  return { fanOut: samples, failures };
}
