import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import type * as ConfigModule from '../../src/config/load.ts';
import type * as GatewayModule from '../../src/gateway.ts';
import { Viewer, type WatchOptions } from './viewer.ts';

/** Threads run from the built output, so the gateway around them does too. */
const { loadConfig } = (await import('../../dist/src/config/load.js' as string)) as typeof ConfigModule;
const { Gateway } = (await import('../../dist/src/gateway.js' as string)) as typeof GatewayModule;

/** The administrator's password of every test gateway. */
export const ADMIN_PASSWORD = 'correct-horse-battery';

/** One line of the log. */
export type LogLine = Record<string, unknown> & { msg: string };

/** A whole gateway inside the test, with real threads and sockets. */
export interface TestGateway {
  port: number;
  url: string;
  gateway: GatewayModule.Gateway;
  log: LogLine[];
  fatal: Error[];
  /** Opens `/ace/getstream` with this query. */
  watch(query: string, options?: WatchOptions): Viewer;
  /** Calls a route; logged in unless told otherwise. */
  call(path: string, init?: RequestInit & { anonymous?: boolean }): Promise<Response>;
  /** Values of one metric, by its labels as written. */
  metric(name: string): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * Starts a gateway on a free port.
 * @param env configuration on top of the tests' defaults
 */
export async function startGateway(env: Record<string, string>): Promise<TestGateway> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sluice-test-'));
  const { config } = loadConfig(
    { SERVER_HOST: '127.0.0.1', SERVER_PORT: '0', DATA_DIR: dataDir, ADMIN_PASSWORD, SHARDS: '2', ...env },
    { envFile: path.join(dataDir, 'none') },
  );
  const log: LogLine[] = [];
  const fatal: Error[] = [];
  const gateway = await Gateway.start({
    config,
    log: pino({ level: 'debug', base: null }, { write: (line: string) => void log.push(JSON.parse(line) as LogLine) }),
    version: 'test',
    onAdminPassword: () => {},
    onFatal: error => void fatal.push(error),
  });
  const url = `http://127.0.0.1:${gateway.port}`;
  const call: TestGateway['call'] = (route, { anonymous, ...init } = {}) => {
    const headers = new Headers(init.headers);
    if (!anonymous) headers.set('authorization', `Bearer ${ADMIN_PASSWORD}`);
    return fetch(url + route, { ...init, headers });
  };
  return {
    port: gateway.port,
    url,
    gateway,
    log,
    fatal,
    watch: (query, options) => new Viewer(gateway.port, `/ace/getstream?${query}`, options),
    call,
    metric: async name => {
      const text = await (await call('/metrics')).text();
      const rows = [...text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))];
      return Object.fromEntries(rows.map(([, labels, value]) => [labels ?? '', Number(value)]));
    },
    close: async () => {
      await gateway.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Descriptors this process has open. */
export async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

/** Adds up a metric over its labels. */
export function sum(rows: Record<string, number>): number {
  return Object.values(rows).reduce((total, value) => total + value, 0);
}
