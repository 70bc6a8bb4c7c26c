import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { transform } from '@swc/core';
import { within } from './waiting.ts';

/** Modules of `src/shared` as threads can load them, which know nothing of jest's transform. */
export interface ThreadModules {
  /** Runs a thread to its end. @param body a module's text, beside the others @returns what it posts last */
  run<Result>(label: string, body: string, workerData: unknown): Promise<Result>;
  dispose(): Promise<void>;
}

/** Strips the types of these files of `src/shared`; they may import each other. */
export async function threadModules(...names: string[]): Promise<ThreadModules> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-threads-'));
  for (const name of names) {
    const source = await readFile(path.join('src/shared', `${name}.ts`), 'utf8');
    const { code } = await transform(source, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
    await writeFile(path.join(folder, `${name}.mjs`), code.replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.mjs'"));
  }
  let threads = 0;
  return {
    run: async <Result>(label: string, body: string, workerData: unknown) => {
      const file = path.join(folder, `thread-${threads++}.mjs`);
      await writeFile(file, body);
      const worker = new Worker(file, { workerData });
      const ended = new Promise<Result>((resolve, reject) => {
        let last: Result;
        worker.on('message', (message: Result) => {
          last = message;
        });
        worker.on('error', reject);
        worker.on('exit', () => resolve(last));
      });
      return within(label, ended, 30_000);
    },
    dispose: () => rm(folder, { recursive: true }),
  };
}
