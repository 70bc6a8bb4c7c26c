/** How many requests the front answers on routes that end, measured with autocannon. */
import autocannon from 'autocannon';
import { withServer } from '../lib/measure.ts';
import { headLoop, type LoopResult } from '../lib/request-loop.ts';
import type { RouteSample, ScenarioResults } from '../lib/results.ts';
import { INFOHASH, variants } from '../lib/servers.ts';
import type { Settings } from '../lib/settings.ts';

interface Route {
  method: 'GET' | 'HEAD';
  path: string;
  expectedStatus: number;
}

const CONNECTIONS = 20;

const routes: Route[] = [
  { method: 'GET', path: '/healthz', expectedStatus: 200 },
  { method: 'GET', path: '/readyz', expectedStatus: 200 },
  { method: 'GET', path: '/version', expectedStatus: 200 },
  { method: 'GET', path: '/metrics', expectedStatus: 200 },
  { method: 'GET', path: '/ace/status', expectedStatus: 200 },
  { method: 'HEAD', path: `/ace/getstream?infohash=${INFOHASH}`, expectedStatus: 200 },
  { method: 'GET', path: '/ace/getstream', expectedStatus: 400 },
];

async function hammer(url: string, method: Route['method'], seconds: number): Promise<LoopResult> {
  // autocannon waits for a body after HEAD, which ends only with the connection when no length is given.
  if (method === 'HEAD') return headLoop(url, CONNECTIONS, seconds);
  const result = await autocannon({ url, method, connections: CONNECTIONS, duration: seconds });
  const counts = Object.entries(result.statusCodeStats ?? {});
  return {
    requestsPerSecond: result.requests.average,
    p99Ms: result.latency.p99,
    statuses: Object.fromEntries(counts.map(([status, { count }]) => [status, count ?? 0])),
    errors: result.errors + result.timeouts,
  };
}

async function sample(port: number, route: Route, seconds: number): Promise<RouteSample> {
  const { method, path, expectedStatus } = route;
  const url = `http://127.0.0.1:${port}${path}`;
  const { requestsPerSecond, p99Ms, statuses, errors } = await hammer(url, method, seconds);
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  const all = sum(Object.values(statuses));
  const expected = statuses[expectedStatus] ?? 0;
  const successes = sum(Object.keys(statuses).map(status => (status.startsWith('2') ? (statuses[status] ?? 0) : 0)));
  return {
    request: `${method} ${path.replace(INFOHASH, '…')}`,
    expectedStatus,
    requestsPerSecond,
    p99Ms,
    answered: all,
    non2xx: all - successes,
    unexpected: all - expected + errors,
  };
}

/** Runs every route in turn against one gateway. */
export async function requestRoutes(settings: Settings): Promise<ScenarioResults> {
  const seconds = settings.mode === 'full' ? 5 : 2;
  const samples = await withServer(variants.handoff, async server => {
    const taken: RouteSample[] = [];
    for (const route of routes) {
      const routeSample = await sample(server.address.port, route, seconds);
      settings.log(`routes, ${routeSample.request}: ${routeSample.requestsPerSecond.toFixed(0)} requests/s`);
      taken.push(routeSample);
    }
    return taken;
  });
  return { routes: samples, failures: samples.flatMap(failureOf) };
}

function failureOf({ request, answered, unexpected, expectedStatus }: RouteSample): string[] {
  if (answered === 0) return [`${request}: no answer`];
  return unexpected > 0 ? [`${request}: ${unexpected} answers were not ${expectedStatus}`] : [];
}
