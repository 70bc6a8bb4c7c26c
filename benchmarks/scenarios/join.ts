/** How long a viewer waits who joins a running stream, and whether a player could show a picture at once. */
import { startLoad } from '../lib/load-client.ts';
import { defects } from '../lib/load-result.ts';
import { withServer } from '../lib/measure.ts';
import type { JoinSample, ScenarioResults } from '../lib/results.ts';
import { type Server, type VariantName, variants } from '../lib/servers.ts';
import { chosenVariants, JOIN_OVER_MS, PARSED_VIEWERS, type Settings } from '../lib/settings.ts';
import { percentile } from '../lib/statistics.ts';
import { Viewer } from '../lib/viewer.ts';
import { became, sleep } from '../lib/wait.ts';

const WATCHING = 100;
const JOINS = 200;
const JOIN_DEADLINE_MS = 5_000;
/** Where every join waits for the next picture, not all of them fit into this time. */
const JOINS_DEADLINE_MS = 30_000;
const MIN_PAUSE_UP_TO_MS = 50;
/** Its multiples spread evenly between 0 and 1, and a run can be repeated exactly. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * Joins one viewer after another; each leaves when it has seen a random-access packet. The pauses between them differ,
 * and are longer where joins take longer: else each join would begin where the one before ended, just after a picture.
 */
async function joinOneByOne(server: Server): Promise<Viewer[]> {
  const joined: Viewer[] = [];
  const endAtMs = performance.now() + JOINS_DEADLINE_MS;
  for (let i = 0; i < JOINS && performance.now() < endAtMs; i++) {
    const pauseUpToMs = Math.max(MIN_PAUSE_UP_TO_MS, joined.at(-1)?.firstRandomAccessMs ?? 0);
    await sleep(((i * GOLDEN_RATIO) % 1) * pauseUpToMs);
    const viewer = new Viewer(server.address, 'parsed');
    await became(JOIN_DEADLINE_MS, 1, () => viewer.firstRandomAccessMs !== null || viewer.ended);
    viewer.close();
    joined.push(viewer);
  }
  return joined;
}

async function sample(name: VariantName, server: Server, warmUpMs: number): Promise<JoinSample> {
  const watchers = startLoad({
    address: server.address,
    viewers: WATCHING,
    joinOverMs: JOIN_OVER_MS,
    parsedViewers: PARSED_VIEWERS,
  });
  await sleep(warmUpMs);
  watchers.measure();
  const joined = await joinOneByOne(server);
  const watched = await watchers.finish();
  const checked = joined.map(viewer => viewer.packets).filter(packets => packets !== null);
  const broken = checked.filter(p => p.syncErrors + p.continuityErrors + p.lostPackets + p.repeatedPackets > 0).length;
  const refused = joined.filter(viewer => viewer.status !== 200).length;
  return {
    variant: name,
    watching: WATCHING,
    joins: joined.length,
    firstByteMs: joined.map(viewer => viewer.firstByteMs).filter(ms => ms !== null),
    firstRandomAccessMs: joined.map(viewer => viewer.firstRandomAccessMs).filter(ms => ms !== null),
    joinedOnTables: checked.filter(packets => packets.joinedOnTables).length,
    joinedOnRandomAccess: checked.filter(packets => packets.joinedOnRandomAccess).length,
    late: joined.filter(viewer => viewer.firstRandomAccessMs === null).length,
    defects: [
      ...defects(watched),
      ...(watched.silent > 0 ? [`${watched.silent} watchers without a byte`] : []),
      ...(broken > 0 ? [`${broken} joins with lost, repeated or broken packets`] : []),
      ...(refused > 0 ? [`${refused} joins not answered with 200`] : []),
    ],
  };
}

/** Runs the scenario; the baseline, which lets a viewer join anywhere, only in the full set. */
export async function join(settings: Settings): Promise<ScenarioResults> {
  const samples: JoinSample[] = [];
  const failures: string[] = [];
  const own: VariantName[] = settings.mode === 'full' ? ['handoff', 'relay', 'res-write'] : ['handoff', 'relay'];
  for (const name of chosenVariants(settings, own)) {
    const { title } = variants[name];
    const taken = await withServer(variants[name], server => sample(name, server, settings.warmUpMs));
    samples.push(taken);
    settings.log(`join, ${title}: first byte p99 ${percentile(taken.firstByteMs, 0.99)?.toFixed(1) ?? '–'} ms`);
    failures.push(...taken.defects.map(defect => `join, ${title}: ${defect}`));
  }
  return { join: samples, failures };
}
