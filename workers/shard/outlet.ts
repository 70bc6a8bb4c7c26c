import type { SegmentMemory } from './segments.ts';

/** The way from a reader to its viewer's socket; handoff and relay look the same from here. */
export interface Outlet {
  /**
   * Offers bytes.
   * @returns how many were taken: fewer than `length` when the viewer is full ({@link OutletEvents.onWritable} tells
   *   when it isn't any more), -1 when the viewer is gone
   */
  write(buffer: Buffer, from: number, length: number): number;
  /** Offers bytes of the packet log, without copying them where that is cheaper; else like {@link write}. */
  forward(segment: SegmentMemory, from: number, length: number): number;
  /** Ends the connection after what was taken. Nothing may be written afterwards; no event follows. */
  end(): void;
}

/** What an outlet tells its reader. */
export interface OutletEvents {
  /** The viewer takes bytes again. */
  onWritable(): void;
  /** The viewer closed, reset or half-closed the connection. */
  onGone(): void;
}

/** Opens outlets of one kind. */
export interface OutletHub<Spec> {
  open(spec: Spec, slot: number, events: OutletEvents): Outlet;
}
