/**
 * Latencies in fixed steps: adding one costs an increment, and the histograms of several threads can be summed without
 * keeping every value. What lies beyond the last step is counted there; the exact maximum is kept beside it.
 */
const STEP_MS = 0.05;
const STEPS = 200_000;

/** p50, p90, p99 and maximum in milliseconds; null where nothing was measured. */
export interface Percentiles {
  p50: number | null;
  p90: number | null;
  p99: number | null;
  max: number | null;
}

/** Counts latencies in steps of 50 µs up to 10 s. */
export class Histogram {
  readonly steps: Uint32Array;
  count = 0;
  maxMs = 0;

  constructor(steps = new Uint32Array(STEPS)) {
    this.steps = steps;
  }

  add(ms: number): void {
    const step = ms <= 0 ? 0 : Math.min(STEPS - 1, (ms / STEP_MS) | 0);
    this.steps[step] = this.steps[step]! + 1;
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  merge(other: { steps: Uint32Array; count: number; maxMs: number }): void {
    for (let i = 0; i < STEPS; i++) this.steps[i] = this.steps[i]! + other.steps[i]!;
    this.count += other.count;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
  }

  /** The value below or at which `share` (0..1) of all latencies lie, as the middle of its step. */
  percentile(share: number): number | null {
    if (this.count === 0) return null;
    let left = Math.floor((this.count - 1) * share);
    for (let i = 0; i < STEPS; i++) {
      left -= this.steps[i]!;
      if (left < 0) return rounded(Math.min((i + 0.5) * STEP_MS, this.maxMs));
    }
    return rounded(this.maxMs);
  }

  summary(): Percentiles {
    const max = this.count === 0 ? null : rounded(this.maxMs);
    return { p50: this.percentile(0.5), p90: this.percentile(0.9), p99: this.percentile(0.99), max };
  }
}

/** To the microsecond: what lies behind it is noise that only fills files. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
