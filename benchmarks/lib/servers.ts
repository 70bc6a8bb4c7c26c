/** The programs that are held against each other, and the stand-in engine that feeds them all. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { accepts, answers, freePort, portFromFirstLine, type Running, start } from './process.ts';
import type { StreamAddress } from './viewer.ts';

export const STREAM_BITS_PER_SECOND = 8_000_000;
/** One of the stand-in engine's stamped contents. */
export const INFOHASH = `${'b'.repeat(32)}00000001`;
const STREAM_PATH = `/ace/getstream?infohash=${INFOHASH}`;

export const VARIANTS = [
  'handoff',
  'handoff-immediate',
  'relay',
  'res-write',
  'floor-write',
  'floor-sendfile-20',
] as const;
export type VariantName = (typeof VARIANTS)[number];

export interface Server {
  pid: number;
  address: StreamAddress;
  stop(): Promise<void>;
}

/** One way to fan a stream out. */
export interface Variant {
  title: string;
  /** A yardstick for processor time, not a gateway: it joins anywhere and drops what a full socket refuses. */
  reference: boolean;
  start(enginePort: number): Promise<Server>;
}

const compiled = new URL('../../', import.meta.url);
/** The path of a built program, from the folder of the build. */
export const script = (name: string) => fileURLToPath(new URL(name, compiled));

/** The stand-in engine; `ready` is its port. */
export function startEngine(): Promise<Running<number>> {
  const rate = String(STREAM_BITS_PER_SECOND);
  return start({
    label: 'stand-in engine',
    command: process.execPath,
    args: [script('workers/demo-engine.worker.js'), '--port', '0', '--host', '127.0.0.1', '--bits-per-second', rate],
    ready: portFromFirstLine,
  });
}

let dataRoot: string | null = null;

/** An empty folder of its own for each gateway; all of them are removed when the run ends, however it ends. */
export function newDataDir(): string {
  if (dataRoot === null) {
    const root = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'));
    process.once('exit', () => rmSync(root, { recursive: true, force: true }));
    dataRoot = root;
  }
  return mkdtempSync(path.join(dataRoot, 'gateway-'));
}

/** The gateway. @param env more configuration; with a DATA_DIR that holds what it is to find there */
export async function startGateway(enginePort: number, env: Record<string, string>): Promise<Server> {
  const port = await freePort();
  const dataDir = newDataDir();
  const gateway = await start({
    label: 'gateway',
    command: process.execPath,
    args: [script('src/main.js')],
    env: {
      SERVER_HOST: '127.0.0.1',
      SERVER_PORT: String(port),
      DATA_DIR: dataDir,
      ACESTREAM_ENGINES: `http://127.0.0.1:${enginePort}`,
      LOG_LEVEL: 'warn',
      ADMIN_PASSWORD: 'benchmark-only',
      ...env,
    },
    ready: child => answers(child, `http://127.0.0.1:${port}/readyz`),
  });
  return { pid: gateway.pid, address: { port, path: STREAM_PATH }, stop: gateway.stop };
}

async function startBaseline(enginePort: number): Promise<Server> {
  const baseline = await start({
    label: 'res.write baseline',
    command: process.execPath,
    args: [
      script('benchmarks/baseline/res-write.js'),
      '--engine',
      `http://127.0.0.1:${enginePort}`,
      '--infohash',
      INFOHASH,
    ],
    ready: portFromFirstLine,
  });
  return { pid: baseline.pid, address: { port: baseline.ready, path: '/' }, stop: baseline.stop };
}

async function startFloor(binary: string, enginePort: number, flushMs: number, call: string): Promise<Server> {
  const port = await freePort();
  const floor = await start({
    label: `floor (${call})`,
    command: binary,
    args: [String(port), String(enginePort), String(flushMs), call],
    ready: () => accepts(port),
  });
  return { pid: floor.pid, address: { port, path: '/' }, stop: floor.stop };
}

const gateway = (title: string, env: Record<string, string>): Variant => ({
  title,
  reference: false,
  start: enginePort => startGateway(enginePort, env),
});

const floor = (title: string, flushMs: number, call: string): Variant => ({
  title,
  reference: true,
  start(enginePort) {
    const binary = floorBinary();
    if (binary === null) throw new Error('a floor variant needs BENCH_FLOOR_BINARY');
    return startFloor(binary, enginePort, flushMs, call);
  },
});

/** The compiled C floor, if the environment names one. */
export function floorBinary(): string | null {
  return process.env.BENCH_FLOOR_BINARY || null;
}

export const variants: Readonly<Record<VariantName, Variant>> = {
  handoff: gateway('handoff', { TRANSPORT: 'handoff' }),
  'handoff-immediate': gateway('handoff, flush at once', { TRANSPORT: 'handoff', FLUSH_BUDGET_MS: '0' }),
  relay: gateway('relay', { TRANSPORT: 'relay' }),
  'res-write': { title: 'res.write', reference: false, start: startBaseline },
  'floor-write': floor('C floor, write at once', 0, 'write'),
  'floor-sendfile-20': floor('C floor, sendfile every 20 ms', 20, 'sendfile'),
};
