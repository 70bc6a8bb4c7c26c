/** The gateway of a soak run, as users run it. */
import type { WriteStream } from 'node:fs';
import { answers, freePort, type Running, start } from '../lib/process.ts';
import { newDataDir, script } from '../lib/servers.ts';
import type { SoakOptions } from './options.ts';

/** How long the gateway keeps a stream whose last viewer has left. */
export const LINGER_SECONDS = 3;

/** A started gateway. */
export interface SoakGateway {
  process: Running<unknown>;
  port: number;
  origin: string;
}

/** Impatient enough that faults of seconds have consequences, patient enough to outlast the longest of them. */
function configuration(engineUrls: readonly string[], { streams, viewers }: SoakOptions): Record<string, string> {
  return {
    SERVER_HOST: '127.0.0.1',
    ACESTREAM_ENGINES: engineUrls.join(','),
    ADMIN_PASSWORD: 'for-soak-runs-only',
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
    STALL_TIMEOUT: '4',
    RECOVERY_TIMEOUT: '60',
    LINGER: String(LINGER_SECONDS),
    ENGINE_HEALTH_INTERVAL: '2',
    ACESTREAM_NO_RESPONSE_TIMEOUT: '5',
    START_STALLED_TIMEOUT: '5',
    // Any one engine can carry all streams while the others are down; a stream that ends overlaps its successor.
    ENGINE_MAX_STREAMS: String(streams),
    MAX_STREAMS: String(2 * streams),
    MAX_VIEWERS: String(2 * streams * viewers),
    // The log is full within seconds, so that its memory is not mistaken for growth.
    LOG_SECONDS: '5',
  };
}

/** Starts it; everything that it prints goes to `log`. */
export async function startGateway(
  engineUrls: readonly string[],
  options: SoakOptions,
  log: WriteStream,
): Promise<SoakGateway> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const running = await start({
    label: 'gateway',
    command: process.execPath,
    args: [script('src/main.js')],
    env: {
      ...configuration(engineUrls, options),
      SERVER_PORT: String(port),
      DATA_DIR: newDataDir(),
      ...options.settings,
    },
    ready: child => answers(child, `${origin}/readyz`),
    onOutput: text => void log.write(text),
  });
  return { process: running, port, origin };
}
