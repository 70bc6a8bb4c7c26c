/** A job of the guide, in a thread of its own: see `src/guide/guide-job.ts`. */
import type { GuideJobs, GuideProgress, GuideRequest, Settled } from '../../src/guide/guide-job.ts';
import { JobLink, type JobTask } from '../../src/jobs/job-link.ts';
import { SluiceError } from '../../src/shared/errors.ts';
import { exportGuide } from './guide/export.ts';
import { pruneProgrammes, removeSource } from './guide/forget.ts';
import { importGuide, previewGuide } from './guide/import.ts';
import { matchChannels } from './guide/match.ts';

type Answer = GuideJobs[keyof GuideJobs]['answer'];

/** Runs one request; failures that users may read come back as what they are, all others are thrown. */
export default async function guideJob({ request, port }: JobTask<GuideRequest>): Promise<Settled<Answer>> {
  const link = new JobLink<GuideProgress>(port);
  try {
    return { answer: await run(request, link) };
  } catch (error) {
    link.throwIfStopped();
    if (error instanceof SluiceError) return { failure: error.toWire() };
    throw error;
  } finally {
    link.close();
  }
}

async function run(request: GuideRequest, link: JobLink<GuideProgress>): Promise<Answer> {
  switch (request.type) {
    case 'import':
      return await importGuide(request, link);
    case 'preview':
      return await previewGuide(request, link);
    case 'match':
      return await matchChannels(request, link);
    case 'prune':
      return await pruneProgrammes(request, link);
    case 'remove':
      return await removeSource(request, link);
    case 'export':
      return await exportGuide(request, link);
    default:
      return request satisfies never;
  }
}
