/**
 * An endless stream in units of 188 bytes. Position 0 is the start of the first round; what is at a position depends on
 * the position alone (and, for stamped packets, on the moment of the call).
 */
export interface PacketSource {
  /** Pace of the broadcast. */
  readonly packetsPerSecond: number;

  /** Units after which the content starts again, at a place where a player can join. */
  readonly loopPackets: number;

  /**
   * Writes `count` packets from `position` to the start of `target`.
   * @param shiftTicks added to every PCR, PTS and DTS, in 90 kHz ticks
   */
  fill(target: Buffer, position: number, count: number, shiftTicks: number): void;
}
