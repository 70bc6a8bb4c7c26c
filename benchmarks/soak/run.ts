/** One soak run from start to end: engines, gateway, audience, faults, samples, and what is left when all are gone. */
import type { WriteStream } from 'node:fs';
import { describeMachine } from '../lib/machine.ts';
import { sleep } from '../lib/wait.ts';
import { Audience } from './audience.ts';
import { Engines, infohashOf } from './engines.ts';
import { LINGER_SECONDS, type SoakGateway, startGateway } from './gateway.ts';
import type { SoakOptions } from './options.ts';
import { type PlanOptions, planAbsences, planFaults } from './plan.ts';
import type { Aftermath, SoakResults } from './results.ts';
import { ExpiredSessions, engineSessions, processFigures, type Sampled, takeSample } from './sampler.ts';
import { descriptorBound } from './verdict.ts';

const MINUTE_MS = 60_000;
/** Before the first fault everybody has joined; after the last one every stream has time to come back. */
const CALM_BEGIN_MS = 8_000;
const CALM_END_MS = 15_000;
/** A viewer without a packet for this long at the end of the calm is not served. */
const STARVING_MS = 5_000;
const SAMPLE_EVERY_MS = 5_000;
const SETTLE_DEADLINE_MS = LINGER_SECONDS * 1_000 + 30_000;
const SETTLE_POLL_MS = 500;
/** Engines are found healthy and connections of the start are closed. */
const BASE_AFTER_MS = 5_000;

/** What a run is given from outside. */
export interface SoakRun {
  options: SoakOptions;
  /** Everything that the gateway prints. */
  log: WriteStream;
  /** Takes a line on how it goes, each minute. */
  progress: (line: string) => void;
  /** Breaks the run off. */
  signal: AbortSignal;
}

/** Runs `work` with engines and a gateway, and ends them whatever happens. */
async function withPrograms<T>(run: SoakRun, work: (engines: Engines, gateway: SoakGateway) => Promise<T>): Promise<T> {
  const engines = await Engines.start(run.options.engines, run.options.streams);
  try {
    const gateway = await startGateway(engines.urls, run.options, run.log);
    try {
      return await work(engines, gateway);
    } finally {
      await gateway.process.stop();
    }
  } finally {
    await engines.stop();
  }
}

/** A run while it goes on. */
class Soak {
  readonly #run: SoakRun;
  readonly #engines: Engines;
  readonly #sampled: Sampled;
  readonly #audience: Audience;
  readonly #startedAtMs = performance.now();
  readonly #results: SoakResults;
  /** Ends all that is under way. */
  readonly #broken = new AbortController();
  readonly #over: AbortSignal;

  constructor(run: SoakRun, engines: Engines, gateway: SoakGateway, results: SoakResults) {
    const { options, signal } = run;
    gateway.process.exited.then(
      how => this.#broken.abort(new Error(`the gateway ended (${how})`)),
      error => this.#broken.abort(error),
    );
    this.#run = run;
    this.#engines = engines;
    this.#results = results;
    this.#over = AbortSignal.any([signal, this.#broken.signal]);
    this.#sampled = { pid: gateway.process.pid, origin: gateway.origin, engines, expired: new ExpiredSessions() };
    this.#audience = new Audience({
      seed: options.seed,
      streams: options.streams,
      viewersPerStream: options.viewers,
      address: stream => ({ port: gateway.port, path: `/ace/getstream?infohash=${infohashOf(stream)}` }),
    });
  }

  /** Lets everybody watch for the time asked for, then leave, and sees what is left. */
  async go(): Promise<void> {
    const { options } = this.#run;
    const untilMs = options.minutes * MINUTE_MS;
    const plan: PlanOptions = { ...options, fromMs: CALM_BEGIN_MS, untilMs: untilMs - CALM_END_MS };
    const work = [this.#sample(untilMs), this.#misbehave(plan), this.#vacate(plan), this.#sleepUntil(untilMs)];
    await Promise.all(work).catch((error: unknown) => {
      this.#broken.abort(error); // Changes nothing where that was the error.
      this.#results.brokenOff = reasonOf(this.#over);
    });
    const results = this.#results;
    results.watchedMs = Math.round(this.#nowMs);
    results.starving = this.#audience.starving(STARVING_MS);
    results.disconnectCount = this.#audience.disconnectCount;
    results.disconnects = this.#audience.disconnects;
    this.#audience.dismiss();
    results.roles = this.#audience.byRole();
    if (!this.#over.aborted) results.aftermath = await this.#settle();
    results.expiredSessions = this.#sampled.expired.total;
  }

  get #nowMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  async #sleepUntil(atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - this.#nowMs), undefined, { signal: this.#over });
  }

  async #sample(untilMs: number): Promise<void> {
    const { samples } = this.#results;
    for (let due = 0; due <= untilMs; due += SAMPLE_EVERY_MS) {
      await this.#sleepUntil(due);
      samples.push(await takeSample(this.#sampled, this.#nowMs, this.#audience.served));
      if (due > 0 && due % MINUTE_MS === 0) this.#tell();
    }
  }

  #tell(): void {
    const { samples, faults } = this.#results;
    const { rssBytes, descriptors, served, engineSessions } = samples.at(-1)!;
    this.#run.progress(
      `${(this.#nowMs / MINUTE_MS).toFixed(0)} min: RSS ${(rssBytes / 2 ** 20).toFixed(0)} MiB, ${descriptors} descriptors, ` +
        `${served} of ${this.#audience.seats} viewers served, sessions ${engineSessions.map(count => count ?? 'down').join('+')}, ` +
        `${faults.length} faults, ${this.#audience.disconnectCount} disconnects`,
    );
  }

  async #misbehave(plan: PlanOptions): Promise<void> {
    const happening: Promise<void>[] = [];
    for (const fault of planFaults(plan)) {
      await this.#sleepUntil(fault.atMs);
      const { kind, forMs } = fault;
      const inflicted = { atMs: Math.round(this.#nowMs), kind, forMs };
      happening.push(
        this.#engines.inflict(fault, this.#over).then(
          () => void this.#results.faults.push(inflicted),
          () => void this.#results.missedFaults++,
        ),
      );
    }
    await Promise.all(happening);
    await this.#sleepUntil(plan.untilMs);
    await this.#engines.heal();
  }

  async #vacate(plan: PlanOptions): Promise<void> {
    for (const { atMs, stream, forMs } of planAbsences(plan)) {
      await this.#sleepUntil(atMs);
      this.#audience.vacate(stream, forMs);
    }
  }

  /** Waits until nothing is left of what viewers needed, and for a bounded time. */
  async #settle(): Promise<Aftermath> {
    const bound = descriptorBound(this.#results.base.descriptors);
    const beganAtMs = performance.now();
    for (;;) {
      const figures = processFigures(this.#sampled.pid);
      const sessions = await engineSessions(this.#sampled);
      const settledAfterMs = Math.round(performance.now() - beganAtMs);
      const settled = figures.descriptors <= bound && sessions.every(count => !count);
      if (settled || settledAfterMs > SETTLE_DEADLINE_MS) return { figures, engineSessions: sessions, settledAfterMs };
      await sleep(SETTLE_POLL_MS);
    }
  }
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** Runs it; the results say whether it came to its end. */
export function soak(run: SoakRun): Promise<SoakResults> {
  const startedAt = new Date().toISOString();
  return withPrograms(run, async (engines, gateway) => {
    await sleep(BASE_AFTER_MS, undefined, { signal: run.signal });
    const results: SoakResults = {
      format: 1,
      startedAt,
      machine: describeMachine(),
      options: run.options,
      watchedMs: 0,
      base: processFigures(gateway.process.pid),
      samples: [],
      faults: [],
      missedFaults: 0,
      roles: [],
      disconnects: [],
      disconnectCount: 0,
      starving: 0,
      expiredSessions: 0,
      aftermath: null,
      brokenOff: null,
    };
    await new Soak(run, engines, gateway, results).go();
    return results;
  });
}
