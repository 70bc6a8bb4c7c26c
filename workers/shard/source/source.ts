import type { SluiceError } from '../../../src/shared/errors.ts';

import type { RecoveredBy, Rung } from '../../../src/shared/protocol.ts';

export { RUNGS, type Rung } from '../../../src/shared/protocol.ts';

/** What a source says when its upstream was opened. */
export interface Opened {
  contentType: string;
  /** Where the bytes come from, as logs and administrators may see it: an engine's origin, or a host. */
  origin: string;
  /** The content's infohash, where it is one of an engine. */
  infohash: string | undefined;
}

/** What a source tells whoever runs it. */
export interface SourceSink {
  /** The upstream was opened; its bytes follow. */
  opened(info: Opened): void;
  /** The next bytes, in pieces of any size; the buffer is only valid during the call and may be changed by it. */
  data(chunk: Buffer): void;
  /** Something worth a line in the log. */
  event(name: string, details: Record<string, string | number | boolean>): void;
}

/** Reads one upstream. It only runs; whether and how it is run again is its supervisor's decision. */
export interface Source {
  /** The rungs that make sense for this kind of source. */
  readonly rungs: readonly Rung[];
  /**
   * Reads until the upstream ends. Only one run at a time.
   * @param how for the first time, or by which rung; what an earlier run opened and this rung does not need is closed
   * @param signal ends the run; it then resolves
   * @returns when a content that has an end came to it, or the signal fired
   * @throws SluiceError why the upstream could not be read, or stopped bringing bytes
   */
  run(how: 'start' | Rung, signal: AbortSignal, sink: SourceSink): Promise<void>;
  /**
   * Closes whatever runs have left open, such as a session; settles when all is closed. Idempotent. It can be run again
   * afterwards: a source that was given up gets another turn when the others fail, too.
   */
  close(): Promise<void>;
}

/** How a reading relates to what was shown before. */
export type Relation = 'first' | 'same-content' | 'other-content';

/** What a feed tells its stream, on top of what its sources say. */
export interface FeedSink extends Omit<SourceSink, 'opened'> {
  /** @property rank place of the source in the stream's list, 0 for the preferred one */
  opened(info: Opened & { relation: Relation; rank: number }): void;
  /** Bytes stopped coming; something is being done about it. */
  interrupted(failure: SluiceError): void;
  /** Bytes come again; the first ones follow. @param how what helped */
  recovered(how: RecoveredBy): void;
}

/** What a stream gets its bytes from, whatever has to be done to keep them coming. */
export interface Feed {
  /**
   * Reads until nothing more can be had. Settles only when everything it opened is closed again.
   * @param signal ends the run; it then resolves
   * @param resumes whether viewers have had bytes before
   * @returns when a content that has an end came to it, or the signal fired
   * @throws SluiceError why there is nothing more
   */
  run(signal: AbortSignal, sink: FeedSink, resumes: boolean): Promise<void>;
}
