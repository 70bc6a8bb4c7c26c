/** Time and timers, so that tests can turn the hands themselves. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  nowMs(): number;
  /**
   * Does something once, later.
   * @returns cancels it; does nothing when it is too late for that
   */
  after(delayMs: number, action: () => void): () => void;
}

/** The real clock. Its timers keep no process alive. */
export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
