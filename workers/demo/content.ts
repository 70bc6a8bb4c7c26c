import { createHash } from 'node:crypto';
import { PACKET_BYTES } from '../../src/shared/mpegts.ts';
import { bytesSource } from './bytes.ts';
import { clipSource } from './clip.ts';
import { type FaultPatch, FaultSet } from './fault-set.ts';
import type { PacketSource } from './packet-source.ts';
import { syntheticSource } from './synthetic.ts';

/** Every {@link ContentKind}. */
export const CONTENT_KINDS = ['clip', 'synthetic', 'bytes'] as const;

/** What a content is made of: the built-in clip, the stamped synthetic stream, or bytes that are no MPEG-TS. */
export type ContentKind = (typeof CONTENT_KINDS)[number];

/** A content as the control API takes it. */
export interface ContentSpec {
  /** 40 hex digits players use; derived from the infohash when absent. Never the infohash itself. */
  contentId?: string;
  /** Name it is published under. */
  name?: string;
  kind: ContentKind;
  /** Rate of a synthetic content or of bytes; the clip has its own. */
  bitsPerSecond?: number;
  /** Start burst in bytes; goes before `burstSeconds`. */
  burstBytes?: number;
  /** Start burst in seconds of the content. */
  burstSeconds?: number;
  /** Where in the loop the first reader starts, in packets; anywhere (but always the same place) when absent. */
  startOffsetPackets?: number;
  /**
   * Milliseconds of CLOCK_MONOTONIC at which its broadcast began. Engines given the same ones broadcast the same packets
   * at the same time. Its first reader begins it when absent.
   */
  liveSinceMs?: number;
  /** Faults it starts with. */
  faults?: FaultPatch;
}

/** Values for what a spec leaves open. */
export interface ContentDefaults {
  bitsPerSecond: number;
  burstSeconds: number;
}

function sourceOf(spec: ContentSpec, defaults: ContentDefaults): PacketSource {
  const bitsPerSecond = spec.bitsPerSecond ?? defaults.bitsPerSecond;
  switch (spec.kind) {
    case 'clip':
      return clipSource();
    case 'synthetic':
      return syntheticSource(bitsPerSecond);
    case 'bytes':
      return bytesSource(bitsPerSecond);
  }
}

/** A content id that differs from its infohash and is always the same. */
const derivedId = (infohash: string): string => createHash('sha1').update(infohash).digest('hex');

/** What CLOCK_MONOTONIC, which all processes share, is ahead of this thread's `performance.now()`. */
const clockOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/**
 * A broadcast: it has one live position that goes on in real time, whoever reads. A reader gets
 * what lies before the live position as its burst, so a re-opened one sees the recent past again.
 */
export class Content {
  readonly infohash: string;
  readonly contentId: string;
  readonly name: string;
  readonly source: PacketSource;
  readonly burstPackets: number;
  readonly faults = new FaultSet();
  readonly #startPacket: number;
  /** Monotonic milliseconds at which the live position was `#anchorPacket`. */
  #anchorMs: number | undefined;

  constructor(infohash: string, spec: ContentSpec, defaults: ContentDefaults) {
    this.infohash = infohash;
    this.contentId = spec.contentId ?? derivedId(infohash);
    this.name = spec.name ?? `Channel ${infohash.slice(0, 8)}`;
    this.source = sourceOf(spec, defaults);
    const burstSeconds = spec.burstSeconds ?? defaults.burstSeconds;
    const burstBytes = spec.burstBytes ?? burstSeconds * this.source.packetsPerSecond * PACKET_BYTES;
    this.burstPackets = Math.floor(burstBytes / PACKET_BYTES);
    this.#startPacket = spec.startOffsetPackets ?? Number.parseInt(infohash.slice(-6), 16) % this.source.loopPackets;
    if (spec.liveSinceMs !== undefined) this.#anchorMs = spec.liveSinceMs - clockOffsetMs;
    this.faults.patch(spec.faults ?? {});
  }

  get bytesPerSecond(): number {
    return this.source.packetsPerSecond * PACKET_BYTES;
  }

  /** The packet that is broadcast at `nowMs` (monotonic); the first call decides where the content is. */
  livePosition(nowMs: number): number {
    this.#anchorMs ??= nowMs;
    const elapsedMs = nowMs - this.#anchorMs;
    return this.#startPacket + this.burstPackets + Math.floor((elapsedMs * this.source.packetsPerSecond) / 1000);
  }
}
