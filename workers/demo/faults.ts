/** How often and how long a fault acts. Both count from its first effect, not from when it was set. */
export interface Span {
  /** Occasions it acts on (requests, readers); defaults: {@link FAULT_TIMES}. */
  times?: number;
  /** Milliseconds after its first effect until it clears itself; no end when absent. */
  forMs?: number;
}

/** When a fault of a running stream sets in; at once when both are absent. */
export interface Trigger extends Span {
  /** Body bytes sent to the reader. */
  afterBytes?: number;
  /** Milliseconds since the reader's first byte. */
  afterMs?: number;
}

/** Which JSON answers a malformed-answer fault spoils. */
export type JsonAnswer = 'getstream' | 'stat' | 'command' | 'event';

/** Fault modes of one content, by name; each is off when absent. Wire observations they stand for: docs/demo-engine.md. */
export interface Faults {
  /** The control document, or the redirect to the playback URL, comes after `delayMs`. */
  slowJson?: Span & { delayMs: number };
  /** Playback headers come `delayMs` after the start; until then the status is idle, then prebuf. */
  slowStart?: Span & { delayMs: number };
  /** No peers: prebuf, no headers ever, a running body pauses. */
  noPeers?: Span;
  /** Peers (1 to 9), but no data: as `noPeers` with a peer count. */
  peersNoData?: Span & { peers?: number };
  /** The playback URL answers 500 with the body "failed to start". */
  failToStart?: Span;
  /** Bytes stop while the status stays dl with peers; afterwards the reader catches up. */
  stall?: Trigger;
  /** Bytes flow, but the newest live position in the stats stands still. */
  frozenLivepos?: Span;
  /** The body ends cleanly; the session stays (default) or dies. */
  eof?: Trigger & { session?: 'stays' | 'dies' };
  /** The connection is reset in the middle of a packet; the session stays (default) or dies. */
  cut?: Trigger & { session?: 'stays' | 'dies' };
  /** Another start takes the content over: the body ends, the session is unknown afterwards. */
  superseded?: Trigger;
  /** The session is forgotten without a word: the body stays open and silent. */
  vanish?: Trigger;
  /** The next reader is treated as a second one: the status line twice, then headers and close. */
  secondReader?: Span;
  /** Any number of readers is let in, as some builds do. */
  manyReaders?: Span;
  /** The content isn't in the catalogue although it is listed here. */
  unknownId?: Span;
  /** Stat, command and event say "unknown playback session id" while the body goes on. */
  unknownSession?: Span;
  /** JSON control documents are refused; the plain redirect works. */
  premium?: Span;
  /** The command URL takes the request, stops nothing and never answers. */
  stopHangs?: Span;
  /** The stat URL never answers. */
  statHangs?: Span;
  /** Stat answers are an empty object; `times: 1` is what engines do right after the start. */
  emptyStat?: Span;
  /** URLs in answers name this host and port instead of the request's own. */
  wrongHost?: Span & { host: string };
  /** The connection stays open after a redirect's body, which has no length. */
  redirectKeptOpen?: Span;
  /** The playback URL redirects to itself. */
  redirectLoop?: Span;
  /** The playback URL redirects to `location`. */
  redirectElsewhere?: Span & { location: string };
  /** Tokens of `/content` are decimal fractions, as older builds make them. */
  decimalToken?: Span;
  /** The control document's playback URL is `value` (default: not a URL at all). */
  garbagePlaybackUrl?: Span & { value?: string };
  /** The body starts `offsetBytes` into a packet and comes in writes of `sizes` bytes, in turn. */
  oddChunks?: Span & { sizes?: number[]; offsetBytes?: number };
  /** The body is framed with chunked transfer encoding instead of ending with the connection. */
  chunked?: Span;
  /** The stream itself is damaged: see {@link Damage}. */
  damage?: Span & Damage;
  /** `get_media_files` takes `delayMs` longer and fails with "cannot get transport file" if `fail` is set. */
  resolve?: Span & { delayMs?: number; fail?: boolean };
  /** JSON answers (all, or only those named by `on`) are malformed. */
  badJson?: Span & { kind: BadJsonKind; on?: JsonAnswer };
}

/** What a malformed JSON answer looks like. `endless` never stops growing; `hugeHeaders` has 256 KiB of header. */
export type BadJsonKind = 'html' | 'truncated' | 'endless' | 'hugeHeaders' | 'empty';

/** Damage to the packets of a stream. */
export interface Damage {
  /** One of this many packets is missing. */
  loseOneIn?: number;
  /** One of this many packets has a wrong continuity counter. */
  wrongCounterOneIn?: number;
  /** Seconds added to every PCR, PTS and DTS from now on, without a discontinuity flag. */
  pcrJumpSeconds?: number;
  /** Version number (0 to 31) of the PMT. */
  pmtVersion?: number;
}

/** Name of a fault mode. */
export type FaultName = keyof Faults;

/** Every fault mode with the occasions it acts on when `times` is absent. */
export const FAULT_TIMES: Readonly<Record<FaultName, number>> = {
  slowJson: Infinity,
  slowStart: Infinity,
  noPeers: Infinity,
  peersNoData: Infinity,
  failToStart: Infinity,
  stall: Infinity,
  frozenLivepos: Infinity,
  eof: 1,
  cut: 1,
  superseded: 1,
  vanish: 1,
  secondReader: 1,
  manyReaders: Infinity,
  unknownId: Infinity,
  unknownSession: Infinity,
  premium: Infinity,
  stopHangs: Infinity,
  statHangs: Infinity,
  emptyStat: Infinity,
  wrongHost: Infinity,
  redirectKeptOpen: Infinity,
  redirectLoop: Infinity,
  redirectElsewhere: Infinity,
  decimalToken: Infinity,
  garbagePlaybackUrl: Infinity,
  oddChunks: Infinity,
  chunked: Infinity,
  damage: Infinity,
  resolve: Infinity,
  badJson: Infinity,
};
