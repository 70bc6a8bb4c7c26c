/**
 * What goes wrong in a soak run, and how the stand-in engine's control API is told. An engine that denies a session and
 * goes on running it is not among it: nobody could end that session, and none may be left.
 */

/** Faults of one content at the engine that carries it. */
export const CONTENT_FAULTS = [
  'hiccup',
  'stall',
  'eof',
  'eof-session-dies',
  'cut',
  'cut-session-dies',
  'superseded',
  'session-vanishes',
  'stat-empty',
  'stat-hangs',
  'stat-garbled',
  'frozen-position',
  'no-peers',
  'slow-start',
  'odd-chunks',
] as const;

/** Faults of a whole engine. One that hangs is restarted in the end; one that pauses goes on with what it had. */
export const ENGINE_FAULTS = ['engine-pauses', 'engine-hangs', 'engine-restarts', 'engine-down'] as const;

export type ContentFault = (typeof CONTENT_FAULTS)[number];
export type EngineFault = (typeof ENGINE_FAULTS)[number];
export type FaultKind = ContentFault | EngineFault;

/** Every kind. */
export const FAULT_KINDS: readonly FaultKind[] = [...CONTENT_FAULTS, ...ENGINE_FAULTS];

/** Least and most milliseconds that each kind lasts; what happens at a moment lasts 0. A slow start is late by so much. */
export const FAULT_SPANS: Readonly<Record<FaultKind, readonly [least: number, most: number]>> = {
  // Shorter than any sensible stall timeout: nobody may do anything about it.
  hiccup: [300, 1_500],
  stall: [3_000, 15_000],
  eof: [0, 0],
  'eof-session-dies': [0, 0],
  cut: [0, 0],
  'cut-session-dies': [0, 0],
  superseded: [0, 0],
  'session-vanishes': [0, 0],
  'stat-empty': [3_000, 10_000],
  'stat-hangs': [3_000, 10_000],
  'stat-garbled': [3_000, 10_000],
  'frozen-position': [5_000, 15_000],
  'no-peers': [3_000, 10_000],
  'slow-start': [1_000, 4_000],
  'odd-chunks': [0, 0],
  // Shorter than a gateway may wait for the answer to a stop before it tries again.
  'engine-pauses': [500, 2_500],
  'engine-hangs': [3_000, 8_000],
  'engine-restarts': [0, 0],
  'engine-down': [3_000, 8_000],
};

/** Somewhere inside a packet. */
const ODD_OFFSET_BYTES = 77;

/** The faults of the control API that a kind switches on. How a stream starts shows only when it has to start anew. */
export function faultsOf(kind: ContentFault, forMs: number): Record<string, object> {
  switch (kind) {
    case 'hiccup':
    case 'stall':
      return { stall: { forMs } };
    case 'eof':
      return { eof: { session: 'stays' } };
    case 'eof-session-dies':
      return { eof: { session: 'dies' } };
    case 'cut':
      return { cut: { session: 'stays' } };
    case 'cut-session-dies':
      return { cut: { session: 'dies' } };
    case 'superseded':
      return { superseded: {} };
    case 'session-vanishes':
      return { vanish: {} };
    case 'stat-empty':
      return { emptyStat: { forMs } };
    case 'stat-hangs':
      return { statHangs: { forMs } };
    case 'stat-garbled':
      return { badJson: { kind: 'truncated', on: 'stat', forMs } };
    case 'frozen-position':
      return { frozenLivepos: { forMs } };
    case 'no-peers':
      return { noPeers: { forMs } };
    case 'slow-start':
      return { slowStart: { delayMs: forMs, times: 1 }, cut: { session: 'dies' } };
    case 'odd-chunks':
      return { oddChunks: { offsetBytes: ODD_OFFSET_BYTES, times: 1 }, eof: { session: 'dies' } };
  }
}

/** Whether a kind is about a whole engine. */
export function isEngineFault(kind: FaultKind): kind is EngineFault {
  return (ENGINE_FAULTS as readonly string[]).includes(kind);
}

/** Switches off whatever `faultsOf` may have switched on. */
export const NO_FAULTS: Readonly<Record<string, null>> = Object.fromEntries(
  CONTENT_FAULTS.flatMap(kind => Object.keys(faultsOf(kind, 1))).map(name => [name, null]),
);
