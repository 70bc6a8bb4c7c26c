/** What Xtream players ask for, against a catalogue of 50 000 channels: how long until the first byte comes. */
import http from 'node:http';
import autocannon from 'autocannon';
import { ACCOUNTS, writeCatalogue } from '../lib/catalogue.ts';
import type { ScenarioResults, XtreamSample } from '../lib/results.ts';
import { newDataDir, type Server, startEngine, startGateway } from '../lib/servers.ts';
import type { Settings } from '../lib/settings.ts';
import { max, percentile } from '../lib/statistics.ts';

const CHANNELS = 50_000;
const [WHOLE, HALF] = ACCOUNTS.map(({ username, password }) => `username=${username}&password=${password}`);
const LOGIN = `/player_api.php?${WHOLE}`;

interface Answer {
  status: number;
  firstByteMs: number;
  bytes: number;
}

/** One request, read to its end. */
function ask(port: number, path: string, gzip: boolean, agent: http.Agent): Promise<Answer> {
  const headers: Record<string, string> = gzip ? { 'Accept-Encoding': 'gzip' } : {};
  return new Promise((resolve, reject) => {
    const sentMs = performance.now();
    const request = http.request({ port, host: '127.0.0.1', path, headers, agent }, response => {
      const firstByteMs = performance.now() - sentMs;
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, firstByteMs, bytes }));
      response.on('error', reject);
    });
    request.once('error', reject).end();
  });
}

interface Request {
  name: string;
  path: string;
  gzip?: boolean;
  /** Most requests; without it as many as the time allows. */
  times?: number;
}

/** Asks again and again on one connection, reading every answer. */
async function loop(
  port: number,
  { name, path, gzip = false, times }: Request,
  seconds: number,
): Promise<XtreamSample> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Answer[] = [];
  let unexpected = 0;
  const beganMs = performance.now();
  while (performance.now() - beganMs < seconds * 1000 && answers.length < (times ?? Number.POSITIVE_INFINITY)) {
    const answer = await ask(port, path, gzip, agent).catch(() => undefined);
    if (answer === undefined || answer.status !== 200) unexpected++;
    if (answer !== undefined) answers.push(answer);
  }
  agent.destroy();
  const firstBytes = answers.map(({ firstByteMs }) => firstByteMs);
  return {
    request: name,
    channels: CHANNELS,
    connections: 1,
    requestsPerSecond: answers.length / ((performance.now() - beganMs) / 1000),
    p50Ms: percentile(firstBytes, 0.5) ?? 0,
    p99Ms: percentile(firstBytes, 0.99) ?? 0,
    maxMs: max(firstBytes) ?? 0,
    answerBytes: answers.at(-1)?.bytes ?? 0,
    unexpected,
  };
}

/** Logins of many players at once. */
async function logins(port: number, connections: number, seconds: number): Promise<XtreamSample> {
  const url = `http://127.0.0.1:${port}${LOGIN}`;
  const { requests, latency, errors, timeouts, non2xx, throughput } = await autocannon({
    url,
    connections,
    duration: seconds,
  });
  return {
    request: 'login',
    channels: CHANNELS,
    connections,
    requestsPerSecond: requests.average,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    maxMs: latency.max,
    answerBytes: requests.total === 0 ? 0 : throughput.total / requests.total,
    unexpected: errors + timeouts + non2xx,
  };
}

/** How long logins take while somebody else is sent one list after the other. */
async function beside(port: number, name: string, path: string, seconds: number): Promise<XtreamSample> {
  const lists = loop(port, { name, path }, seconds);
  const sample = await loop(port, { name: `login while ${name} is sent`, path: LOGIN }, seconds);
  await lists;
  return sample;
}

async function measure({ address: { port } }: Server, { mode, log }: Settings): Promise<XtreamSample[]> {
  const seconds = mode === 'full' ? 5 : 2;
  const list = `/player_api.php?${WHOLE}&action=get_live_streams`;
  const samples: XtreamSample[] = [];
  const take = async (sample: Promise<XtreamSample>): Promise<void> => {
    const taken = await sample;
    log(
      `xtream, ${taken.request}: first byte after ${taken.p50Ms.toFixed(1)} ms, at most ${taken.maxMs.toFixed(1)} ms`,
    );
    samples.push(taken);
  };
  await take(loop(port, { name: 'first login, with a password to check', path: LOGIN, times: 1 }, seconds));
  await take(loop(port, { name: 'login', path: LOGIN }, seconds));
  await take(logins(port, 20, seconds));
  await take(loop(port, { name: 'get_live_streams', path: list }, seconds));
  await take(loop(port, { name: 'get_live_streams, gzip', path: list, gzip: true }, seconds));
  await take(loop(port, { name: 'get_live_streams, one category', path: `${list}&category_id=7` }, seconds));
  const half = `/player_api.php?${HALF}&action=get_live_streams`;
  await take(loop(port, { name: 'first get_live_streams, half of the categories', path: half, times: 1 }, seconds));
  await take(loop(port, { name: 'get_live_streams, half of the categories', path: half }, seconds));
  const playlist = `/get.php?${WHOLE}&type=m3u_plus&output=ts`;
  await take(loop(port, { name: 'first get.php', path: playlist, times: 1 }, seconds));
  await take(loop(port, { name: 'get.php', path: playlist }, seconds));
  await take(beside(port, 'get_live_streams', list, seconds));
  await take(beside(port, 'get.php', playlist, seconds));
  return samples;
}

/** Asks what players ask. */
export async function xtreamPlayers(settings: Settings): Promise<ScenarioResults> {
  const dataDir = newDataDir();
  await writeCatalogue(dataDir, CHANNELS);
  const engine = await startEngine();
  try {
    const server = await startGateway(engine.ready, { DATA_DIR: dataDir });
    try {
      const xtream = await measure(server, settings);
      const failures = xtream.filter(({ unexpected }) => unexpected > 0);
      return {
        xtream,
        failures: failures.map(({ request, unexpected }) => `${request}: ${unexpected} without status 200`),
      };
    } finally {
      await server.stop();
    }
  } finally {
    await engine.stop();
  }
}
