/** A job of the guide, in a thread of its own: see `src/guide/guide-job.ts`. */
import type { GuideJobs, GuideProgress, GuideRequest, Settled } from '../../src/guide/guide-job.ts';
import { SluiceError } from '../../src/shared/errors.ts';
import { exportGuide } from './guide/export.ts';
import { pruneProgrammes, removeSource } from './guide/forget.ts';
import { importGuide, previewGuide } from './guide/import.ts';
import { matchChannels } from './guide/match.ts';

type Answer = GuideJobs[keyof GuideJobs]['answer'];

/** Runs one request; failures that users may read come back as what they are, all others are thrown. */
export default async function guideJob(task: {
  request: GuideRequest;
  /** The other end of it is in the pool. */
  progress?: { postMessage(message: GuideProgress): void };
}): Promise<Settled<Answer>> {
  try {
    return { answer: await run(task.request, progress => task.progress?.postMessage(progress)) };
  } catch (error) {
    if (error instanceof SluiceError) return { failure: error.toWire() };
    throw error;
  }
}

async function run(request: GuideRequest, onProgress: (progress: GuideProgress) => void): Promise<Answer> {
  switch (request.type) {
    case 'import':
      return await importGuide(request, onProgress);
    case 'preview':
      return await previewGuide(request, onProgress);
    case 'match':
      return await matchChannels(request);
    case 'prune':
      return await pruneProgrammes(request);
    case 'remove':
      return await removeSource(request);
    case 'export':
      return await exportGuide(request);
    default:
      return request satisfies never;
  }
}
