import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import type * as ConfigModule from '../../src/config/load.ts';
import type * as GatewayModule from '../../src/gateway.ts';
import { until } from './until.ts';
import { Viewer, type WatchOptions } from './viewer.ts';

/** Threads run from the built output, so the gateway around them does too. */
const { loadConfig } = (await import('../../dist/src/config/load.js' as string)) as typeof ConfigModule;
const { Gateway } = (await import('../../dist/src/gateway.js' as string)) as typeof GatewayModule;

/** The administrator's password of every test gateway. */
export const ADMIN_PASSWORD = 'correct-horse-battery';

/** One line of the log. */
export type LogLine = Record<string, unknown> & { msg: string };

/** A request without a body. */
export interface CallOptions {
  method?: string;
  headers?: Record<string, string>;
}

/** Asks over a connection of its own, so that no idle one blurs the count of descriptors; sends any header. */
export function ask(url: string, { method = 'GET', headers = {} }: CallOptions = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, async answer => {
      const body = Buffer.concat(await answer.toArray());
      const fields = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const status = answer.statusCode ?? 0;
      resolve(new Response(status === 204 || status === 304 ? null : body, { status, headers: fields }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

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
  call(path: string, init?: CallOptions & { anonymous?: boolean }): Promise<Response>;
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
    { SERVER_HOST: '127.0.0.1', SERVER_PORT: '0', DATA_DIR: dataDir, ADMIN_PASSWORD, SHARDS: '2', LINGER: '0', ...env },
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
    const authorization = anonymous ? {} : { authorization: `Bearer ${ADMIN_PASSWORD}` };
    return ask(url + route, { ...init, headers: { ...authorization, ...init.headers } });
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

/** libsql lets go of a closed database's files when its object is garbage, so those say nothing about leaks. */
const DATABASE_FILE = /\.db(-wal|-shm)?( \(deleted\))?$/;

/** Descriptors this process has open, those of databases aside. */
export async function openDescriptors(): Promise<number> {
  const folder = '/proc/self/fd';
  const targets = await Promise.all(
    (await readdir(folder)).map(fd => readlink(path.join(folder, fd)).catch(() => undefined)),
  );
  return targets.filter(target => target !== undefined && !DATABASE_FILE.test(target)).length;
}

/** A health check may be under way at any moment, and Node opens some descriptors when they are first needed. */
const PASSING_DESCRIPTORS = 2;

/** Waits until no more descriptors are open than `before`, give or take those that come and go by themselves. */
export async function descriptorsBackTo(before: number): Promise<void> {
  await until(
    `descriptors to go back to ${before}`,
    async () => (await openDescriptors()) <= before + PASSING_DESCRIPTORS,
    20_000, // A job of the catalogue may be under way, and its thread goes some seconds later.
  );
}

/** Bytes of a connection over IPv4 loopback that were sent by `from` and that the program at `to` has not read. */
export async function unreadBytes(from: number, to: number): Promise<number> {
  const hex = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let bytes = 0;
  for (const line of (await readFile('/proc/net/tcp', 'latin1')).split('\n')) {
    const [, local, remote, , queues] = line.trim().split(/\s+/);
    const [sending, receiving] = (queues ?? '').split(':').map(count => Number.parseInt(count, 16)) as [number, number];
    if (local === hex(from) && remote === hex(to)) bytes += sending;
    if (local === hex(to) && remote === hex(from)) bytes += receiving;
  }
  return bytes;
}

/** Adds up a metric over its labels. */
export function sum(rows: Record<string, number>): number {
  return Object.values(rows).reduce((total, value) => total + value, 0);
}
