/** Requests in a closed loop over kept-alive connections, for what autocannon can't send. */
import http from 'node:http';
import { Histogram } from './histogram.ts';

export interface LoopResult {
  requestsPerSecond: number;
  p99Ms: number;
  statuses: Record<string, number>;
  errors: number;
}

function head(url: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'HEAD', agent, timeout: 5_000 }, response => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject).end();
  });
}

/** Sends HEAD requests, one after another on each connection. */
export async function headLoop(url: string, connections: number, seconds: number): Promise<LoopResult> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const latency = new Histogram();
  const statuses: Record<string, number> = {};
  let errors = 0;
  const beganMs = performance.now();
  const loop = async () => {
    while (performance.now() - beganMs < seconds * 1000) {
      const sentMs = performance.now();
      try {
        const status = await head(url, agent);
        statuses[status] = (statuses[status] ?? 0) + 1;
        latency.add(performance.now() - sentMs);
      } catch {
        errors++;
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  agent.destroy();
  const tookSeconds = (performance.now() - beganMs) / 1000;
  return { requestsPerSecond: latency.count / tookSeconds, p99Ms: latency.percentile(0.99) ?? 0, statuses, errors };
}
