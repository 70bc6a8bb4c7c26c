import type { MessagePort } from 'node:worker_threads';
import type { JobOptions } from '../../../src/jobs/cpu-pool.ts';
import { withLink } from '../../../src/jobs/job-link.ts';

/** Runs a job as the pool would, but for the thread. */
export function inline<Answer>(
  job: (port: MessagePort) => Promise<Answer>,
  { signal = new AbortController().signal, onProgress = () => {} }: JobOptions = {},
): Promise<Answer> {
  return withLink(signal, onProgress, job);
}
