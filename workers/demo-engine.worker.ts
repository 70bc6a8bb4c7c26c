// The stand-in engine in a thread (options as workerData) or as a process of its own (options as arguments).
import { parseArgs } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { DEMO_CONTENTS } from './demo/contents.ts';
import { DemoEngine, type ListenAddress } from './demo/engine.ts';
import type { EngineOptions } from './demo/options.ts';

/** What the thread is given: where to listen, and any option of the engine. */
export interface DemoEngineData extends ListenAddress, Partial<EngineOptions> {}

/** Sent to the parent once connections are accepted. */
export interface DemoEngineListening {
  type: 'listening';
  host: string;
  port: number;
  /** What there is to watch. */
  contents: readonly { contentId: string; name: string }[];
}

/** Sent by the parent to end the thread. */
export interface DemoEngineClose {
  type: 'close';
}

const USAGE = `usage: demo-engine.worker.js [--host 127.0.0.1] [--port 0] [--bits-per-second 8000000]
                             [--burst-seconds 2] [--time-scale 1]`;

function fromArguments(): DemoEngineData {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      'bits-per-second': { type: 'string' },
      'burst-seconds': { type: 'string' },
      'time-scale': { type: 'string' },
    },
  });
  const number = (text: string): number => {
    if (text.trim() === '' || !(Number(text) >= 0)) throw new Error(`'${text}' is not a number`);
    return Number(text);
  };
  return {
    host: values.host,
    port: number(values.port),
    ...(values['bits-per-second'] !== undefined && { bitsPerSecond: number(values['bits-per-second']) }),
    ...(values['burst-seconds'] !== undefined && { burstSeconds: number(values['burst-seconds']) }),
    ...(values['time-scale'] !== undefined && { timeScale: number(values['time-scale']) }),
  };
}

async function start({ host, port, ...options }: DemoEngineData): Promise<void> {
  const engine = new DemoEngine(options);
  const address = await engine.listen({ ...(host !== undefined && { host }), ...(port !== undefined && { port }) });
  if (parentPort) {
    const parent = parentPort;
    parent.on('message', (message: DemoEngineClose) => {
      if (message.type === 'close') void engine.close().then(() => parent.close());
    });
    const listening: DemoEngineListening = { type: 'listening', ...address, contents: DEMO_CONTENTS };
    parent.postMessage(listening);
    return;
  }
  const stop = (): void => void engine.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
}

try {
  await start(parentPort ? (workerData as DemoEngineData) : fromArguments());
} catch (error) {
  if (parentPort) throw error;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 1;
}
