import { SluiceError } from '../../src/shared/errors.ts';
import { nullPackets } from '../../src/shared/mpegts.ts';
import type { ShardCounters } from '../../src/shared/reader-table.ts';
import { PacketAligner, type PacketFormat } from './packet-aligner.ts';
import type { EntryPoint, PacketLog } from './packet-log.ts';
import { ProgramTracker } from './program-tracker.ts';
import { Seam, type SeamResult } from './seam.ts';
import { Slate } from './slate.ts';
import type { Relation } from './source/source.ts';
import { buildSplice, type Splice } from './splice.ts';

/** How long a transport stream may take to show a random-access point before readers join without one. */
const JOIN_PATIENCE_MS = 3_000;
const JOIN_PATIENCE_BYTES = 8 << 20;
const NO_TABLES = Buffer.alloc(0);
/** What keeps players and proxies waiting: as much as fits into one segment of a network. */
const KEEP_ALIVE = nullPackets(7);

/**
 * The way of a stream's bytes from its sources into the log: cut into packets, joined over interruptions, followed for
 * places where readers can begin.
 */
export class Intake {
  readonly #log: PacketLog;
  readonly #counters: ShardCounters;
  readonly #tracker: ProgramTracker;
  readonly #seam: Seam;
  readonly #slate: Slate;
  readonly #onSeam: (result: SeamResult) => void;
  #aligner: PacketAligner;
  #format: PacketFormat = 'unknown';
  #bytesIn = 0;
  #firstMs = 0;
  #latestMs = 0;
  #storedMs = 0;

  /**
   * @param onSeam told how two readings were joined
   * @param onPlayed told when the slate has brought bytes, which nobody asks it for
   */
  constructor(
    log: PacketLog,
    counters: ShardCounters,
    onSeam: (result: SeamResult) => void,
    onPlayed: () => void = () => {},
  ) {
    this.#log = log;
    this.#counters = counters;
    this.#onSeam = onSeam;
    this.#tracker = new ProgramTracker((offset, tables) => log.addRandomAccess({ offset, tables }));
    this.#seam = new Seam(run => this.#store(run));
    this.#slate = new Slate(run => {
      this.#seam.push(run);
      onPlayed();
    });
    this.#aligner = this.#newAligner();
  }

  /** What the stream turned out to be made of. */
  get format(): PacketFormat {
    return this.#format;
  }

  /** Bytes that the sources brought. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** For how long no source has brought a byte. */
  silentMs(nowMs: number): number {
    return nowMs - this.#latestMs;
  }

  /** For how long viewers have got nothing new: a source may bring bytes of which none has its place yet. */
  withheldMs(nowMs: number): number {
    return nowMs - this.#storedMs;
  }

  /** The bytes that follow come from a new reading. */
  begin(relation: Relation): void {
    // Too few bytes to tell what they were are no reason to take the stream for something without packets.
    if (this.#format === 'unknown') this.#aligner.discard();
    else this.#endReading();
    this.#aligner = this.#newAligner();
    if (relation !== 'first' && !this.#slate.playing) this.#seam.begin(relation);
  }

  /**
   * Takes the next bytes of a source.
   * @throws SluiceError `source_not_stream` when packets are followed by something else
   */
  take(chunk: Buffer, nowMs: number): void {
    if (this.#bytesIn === 0) this.#firstMs = nowMs;
    this.#latestMs = nowMs;
    this.#bytesIn += chunk.length;
    this.#counters.add('bytesIn', chunk.length);
    this.#stopSlate();
    this.#aligner.push(chunk);
  }

  /** No more bytes will come: what was held back is passed on. */
  finish(): void {
    this.#slate.stop();
    this.#endReading();
  }

  /** Packets that say nothing, for players and proxies that would not wait for silence to end. */
  keepAlive(): void {
    if (this.#format === 'mpegts' && !this.#slate.playing) this.#put(KEEP_ALIVE, performance.now());
  }

  /** Shows that something will come, until it does: an upstream that was opened may still bring nothing for long. */
  playSlate(): void {
    if (this.#format !== 'mpegts' || this.#slate.playing) return;
    this.#seam.begin('other-content');
    this.#slate.start(this.#seam.clock);
  }

  /** Whether readers can begin. */
  isJoinable(nowMs: number): boolean {
    if (this.#log.end === 0) return false;
    return (
      this.#format === 'bytes' ||
      this.#log.newestRandomAccess !== undefined ||
      this.#log.end >= JOIN_PATIENCE_BYTES ||
      nowMs - this.#firstMs >= JOIN_PATIENCE_MS
    );
  }

  /** Where a reader begins in a log without a random-access point: at live, with the tables if there are any. */
  get blindEntry(): EntryPoint {
    return { offset: this.#log.end, tables: this.#tracker.tables ?? NO_TABLES };
  }

  /** What carries a reader over a gap to the newest place to begin. */
  splice(): Splice {
    if (this.#format !== 'mpegts') return { bytes: NO_TABLES, resumeAt: this.#log.end };
    return buildSplice(this.#log, this.#log.newestRandomAccess ?? this.blindEntry, this.#tracker);
  }

  #stopSlate(): void {
    if (!this.#slate.playing) return;
    this.#slate.stop();
    this.#seam.begin('other-content');
  }

  #endReading(): void {
    // Too few bytes to tell what they were, behind packets: no part of the stream.
    if (this.#format === 'mpegts') this.#aligner.discard();
    else this.#aligner.finish();
  }

  #newAligner(): PacketAligner {
    const aligner: PacketAligner = new PacketAligner(
      run => this.#pass(aligner.format, run),
      bytes => this.#counters.add('bytesDiscarded', bytes),
      () => this.#counters.add('resyncs', 1),
    );
    return aligner;
  }

  #pass(format: PacketFormat, run: Buffer): void {
    if (this.#format === 'unknown') this.#format = format;
    if (this.#format !== format)
      throw new SluiceError('source_not_stream', 'The source went on with something of another kind.');
    if (format === 'bytes') {
      this.#append(run);
      return;
    }
    const searching = this.#seam.searching;
    this.#seam.push(run);
    if (searching && !this.#seam.searching) this.#onSeam(this.#seam.lastSearch!);
  }

  /** Takes packets that have their place in the stream. */
  #store(run: Buffer): void {
    const { end } = this.#log;
    // What there was no memory for is as if it had never come: nobody may begin at a place that others took.
    this.#tracker.inspect(run.subarray(0, this.#append(run)), end);
  }

  /** Takes what is new to viewers. @returns how many bytes there was memory for */
  #append(run: Buffer): number {
    this.#storedMs = performance.now();
    return this.#put(run, this.#storedMs);
  }

  #put(run: Buffer, nowMs: number): number {
    const kept = this.#log.append(run, nowMs);
    if (kept < run.length) this.#counters.add('bytesWithoutMemory', run.length - kept);
    return kept;
  }
}
