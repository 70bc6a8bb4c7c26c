import type { SluiceError } from '../shared/errors.ts';
import type { ImportAnswer, MatchAnswer } from './guide-job.ts';
import type { GuideSource } from './guide-sources.ts';

/** Told what happens to the guide. */
export interface GuideEvents {
  /** A source was read, or is as it was. */
  guideRead(run: { source: GuideSource; answer: ImportAnswer; ms: number }): void;
  /** A source could not be read. */
  guideFailed(run: { source: GuideSource; failure: SluiceError; ms: number }): void;
  /** Every channel's guide was looked for. */
  guideMatched(answer: MatchAnswer): void;
  /** Something in the background went wrong that should not. */
  guideBroken(error: unknown): void;
}
