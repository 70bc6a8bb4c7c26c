/** How a stand-in engine behaves; delays are what was measured on real engines unless marked as assumed in the docs. */
export interface EngineOptions {
  /** Rate of synthetic contents that don't name their own, and of `/raw`. */
  bitsPerSecond: number;
  /** How much of a content a reader gets at line speed before it is paced. */
  burstSeconds: number;
  /** Multiplies the wire delays below whose name ends in `WireMs`; tests run with a small one. */
  timeScale: number;
  /** Request of a known content until its control document. */
  jsonWireMs: number;
  /** Control document until data flows: status idle, then prebuf, then dl. */
  startWireMs: number;
  /** Until a content id that isn't in the catalogue fails. */
  unknownIdWireMs: number;
  /** Until an infohash nobody serves fails. */
  unknownInfohashWireMs: number;
  /** Until `get_media_files` fails. */
  unresolvedWireMs: number;
  /** Until a session nobody reads ends. */
  idleExpiryMs: number;
  /** Whether stat polls without `skip_player_activity=1` put off the idle expiry. */
  statCountsAsActivity: boolean;
  /** Whether a start ends other sessions of the same player id, as players without their own pid see it. */
  onePerPlayer: boolean;
  /** How long an event poll without events is held. */
  eventHoldMs: number;
  /** Version the engine claims, as major.minor.patch. */
  version: string;
}

/** Defaults of every option. The start is quick, because the demo and the benches wait for it. */
export const DEFAULT_OPTIONS: Readonly<EngineOptions> = {
  bitsPerSecond: 8_000_000,
  burstSeconds: 2,
  timeScale: 1,
  jsonWireMs: 200,
  startWireMs: 300,
  unknownIdWireMs: 4000,
  unknownInfohashWireMs: 28_000,
  unresolvedWireMs: 4700,
  idleExpiryMs: 60_000,
  statCountsAsActivity: true,
  onePerPlayer: false,
  eventHoldMs: 15_000,
  version: '3.2.11',
};
