/** Programs under measurement: start, wait until ready, read processor time and memory, stop by process id. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { became, sleep, withDeadline } from './wait.ts';

const READY_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 5_000;
const KEPT_OUTPUT_CHARACTERS = 4_000;

export type Spawned = ChildProcessByStdio<null, Readable, Readable>;

/** A started program; `ready` is what its readiness check found out (a port, mostly). */
export interface Running<T> {
  pid: number;
  ready: T;
  /** Settles when it has ended, by whatever cause: its exit code or the signal. */
  exited: Promise<string>;
  /** Asks it to end, by force if it takes too long. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

export interface Launch<T> {
  /** Names the program in error messages. */
  label: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
  ready: (child: Spawned) => Promise<T>;
  /** Takes everything that it prints. */
  onOutput?: (text: Buffer) => void;
}

const children = new Set<Spawned>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a program with nothing from our environment but what it needs to run, and waits until it is ready. */
export async function start<T>({ label, command, args, env, ready, onOutput }: Launch<T>): Promise<Running<T>> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let output = '';
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-KEPT_OUTPUT_CHARACTERS);
    onOutput?.(text);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = once(child, 'exit')
    .then(([code, signal]) => String(signal ?? `exit code ${code}`))
    .finally(() => children.delete(child));
  exited.catch(() => {});
  const early = exited.then(how => {
    throw new Error(`${label} ended early (${how}):\n${output}`);
  });
  early.catch(() => {}); // only the race below is interested
  const stop = async () => {
    child.kill('SIGTERM');
    const late = sleep(STOP_DEADLINE_MS, undefined, { ref: false }).then(() => child.kill('SIGKILL'));
    late.catch(() => {});
    await exited;
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    const found = await withDeadline(`${label} ready`, READY_DEADLINE_MS, Promise.race([ready(child), early]));
    return { pid: child.pid!, ready: found, exited, stop, kill };
  } catch (error) {
    if (children.has(child)) await stop();
    throw error;
  }
}

/** Ready when the program's first line of output is JSON with a port. */
export async function portFromFirstLine(child: Spawned): Promise<number> {
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return (JSON.parse(line) as { port: number }).port;
}

/** Ready when this URL answers 200 (asks until then, or until the program has ended). */
export async function answers(child: Spawned, url: string): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const response = await fetch(url).catch(() => null);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
    await sleep(25);
  }
}

/** Ready when something accepts connections on this port. */
export async function accepts(port: number): Promise<void> {
  let open = false;
  const probe = () => {
    const socket = net.connect(port, '127.0.0.1', () => {
      open = true;
      socket.destroy();
    });
    socket.on('error', () => {});
    return open;
  };
  await became(READY_DEADLINE_MS, 25, probe);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Processor time (all threads) and resident memory of a process at one moment. */
export interface Usage {
  atMs: number;
  cpuMs: number;
  rssBytes: number;
}

let tickMs: number | null = null;

/** Reads a process's usage from /proc (Linux). */
export function usage(pid: number): Usage {
  tickMs ??= 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  // The second field is the program's name in parentheses and may hold spaces: count fields after it.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const residentKb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return {
    atMs: performance.now(),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, // utime + stime
    rssBytes: Number(residentKb) * 1024,
  };
}

/** Processor time between two moments in percent of one core. */
export function cpuPercent(from: Usage, to: Usage): number {
  return (100 * (to.cpuMs - from.cpuMs)) / (to.atMs - from.atMs);
}
