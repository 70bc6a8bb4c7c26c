/** Reads a guide to its end, and hands out what is worth keeping. */
import type { GuideProgress, ReadingCounts, ReadingOptions } from '../../../src/guide/guide-job.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';
import { SluiceError } from '../../../src/shared/errors.ts';
import { type GuideChannel, type GuideProgramme, XmltvParser } from '../xmltv/xmltv-parser.ts';
import { unpacked } from './unpack.ts';

/** Takes what is read. */
export interface ReadingSink {
  channel(channel: GuideChannel): void;
  programme(programme: GuideProgramme): void;
}

/** Guides of whole continents have a third of this. */
const MAX_CHANNELS = 100_000;
const MAX_PROGRAMMES = 3_000_000;
/** Longest programme whose end is not told. */
const MAX_OPEN_S = 86_400;
const PROGRESS_EVERY_MS = 500;

/**
 * Reads a guide.
 * @throws SluiceError why it is not used, or AbortError; what the sink got is void then
 */
export async function readGuide(
  body: AsyncIterable<Uint8Array>,
  { languages, pastS, futureS, maxBytes, acceptTruncated }: ReadingOptions,
  nowS: number,
  sink: ReadingSink,
  link: JobLink<GuideProgress>,
): Promise<ReadingCounts> {
  const counts = { channels: 0, programmes: 0, bytes: 0 };
  const parser = new XmltvParser(languages, {
    channel: channel => {
      if (++counts.channels > MAX_CHANNELS) throw tooMany('channels', MAX_CHANNELS);
      sink.channel(channel);
    },
    programme: programme => {
      const { startAt, stopAt = startAt + MAX_OPEN_S } = programme;
      if (stopAt <= nowS - pastS || startAt >= nowS + futureS) return;
      if (++counts.programmes > MAX_PROGRAMMES) throw tooMany('programmes', MAX_PROGRAMMES);
      sink.programme(programme);
    },
  });
  let toldMs = performance.now();
  let failure: SluiceError | undefined;
  try {
    for await (const chunk of unpacked(body, maxBytes)) {
      link.signal.throwIfAborted();
      counts.bytes += chunk.length;
      parser.write(chunk);
      if (performance.now() - toldMs < PROGRESS_EVERY_MS) continue;
      toldMs = performance.now();
      link.report({ bytes: counts.bytes, programmes: counts.programmes });
    }
  } catch (error) {
    link.throwIfStopped(); // A guide that was let go of has no usable beginning.
    failure = cutOff(error);
  }
  const { endedWell } = parser.end();
  failure ??= endedWell ? undefined : new SluiceError('guide_truncated', 'The guide ends in the middle.');
  if (failure !== undefined && !acceptTruncated) throw failure;
  if (counts.programmes === 0) throw new SluiceError('guide_empty', 'The guide has no programme for now or later.');
  return { ...counts, skipped: parser.skipped, isTruncated: failure !== undefined };
}

/** An error that leaves a usable beginning; any other is thrown on. */
function cutOff(error: unknown): SluiceError {
  if (error instanceof SluiceError && ['guide_truncated', 'source_ended', 'source_stalled'].includes(error.code))
    return error;
  throw error;
}

function tooMany(what: string, limit: number): SluiceError {
  return new SluiceError('guide_too_large', `The guide has more than ${limit} ${what}.`);
}
