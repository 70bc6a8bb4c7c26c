/** What an engine has seen since it was made, for tests to compare. */
export interface Counts {
  sessionsStarted: number;
  sessionsStopped: number;
  sessionsExpired: number;
  /** Starts by another player that ended a running session. */
  takeovers: number;
  readersOpened: number;
  /** Readers refused with the doubled status line. */
  secondReaders: number;
  getstreamCalls: number;
  statPolls: number;
  /** Stop commands, whether or not the session was known. */
  stops: number;
  eventPolls: number;
  versionCalls: number;
  statusCalls: number;
  networkStatusCalls: number;
  mediaFilesCalls: number;
  searches: number;
}

/** All zero. */
export const newCounts = (): Counts => ({
  sessionsStarted: 0,
  sessionsStopped: 0,
  sessionsExpired: 0,
  takeovers: 0,
  readersOpened: 0,
  secondReaders: 0,
  getstreamCalls: 0,
  statPolls: 0,
  stops: 0,
  eventPolls: 0,
  versionCalls: 0,
  statusCalls: 0,
  networkStatusCalls: 0,
  mediaFilesCalls: 0,
  searches: 0,
});
