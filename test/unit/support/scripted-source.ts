import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import { type Opened, RUNGS, type Rung, type Source, type SourceSink } from '../../../workers/shard/source/source.ts';

/** What a source says of its upstream, where a test doesn't say otherwise. */
export const OPENED: Opened = { contentType: 'video/mp2t', origin: 'http://engine', infohash: undefined };

/** One run of a {@link ScriptedSource}. */
export interface ScriptedRun {
  how: 'start' | Rung;
  signal: AbortSignal;
  sink: SourceSink;
  /** Ends it well. */
  end(): void;
  fail(error: unknown): void;
}

/** A source that does what the test says; a run ends by itself only when its signal fires. */
export class ScriptedSource implements Source {
  readonly rungs: readonly Rung[];
  readonly runs: ScriptedRun[] = [];
  closes = 0;
  /** Whether a run that is over has left something open. */
  open = false;
  /** Whether runs end when they are told to; else the test ends them. */
  obeys = true;
  /** What closing waits for. */
  closing: Promise<void> = Promise.resolve();

  constructor(rungs: readonly Rung[] = RUNGS) {
    this.rungs = rungs;
  }

  /** The present run, or the latest. */
  get last(): ScriptedRun {
    return this.runs.at(-1)!;
  }

  run(how: 'start' | Rung, signal: AbortSignal, sink: SourceSink): Promise<void> {
    this.open = true;
    return new Promise((resolve, reject) => {
      this.runs.push({ how, signal, sink, end: resolve, fail: reject });
      signal.addEventListener('abort', () => {
        if (this.obeys) resolve();
      });
    });
  }

  /** Opens the upstream and brings bytes. */
  flow(text = 'bytes'): void {
    this.last.sink.opened(OPENED);
    this.last.sink.data(Buffer.from(text));
  }

  /** The present run fails. */
  fail(code: ErrorCode, message = `It failed with ${code}.`): void {
    this.last.fail(new SluiceError(code, message));
  }

  async close(): Promise<void> {
    await this.closing;
    this.closes++;
    this.open = false;
  }
}
