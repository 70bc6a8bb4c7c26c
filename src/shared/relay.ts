/** What goes over the MessagePort of a relayed viewer. */

/** Most bytes that are on their way from a shard to a viewer's socket. */
export const RELAY_WINDOW_BYTES = 1 << 20;

/** The shard's messages: bytes to write, or the orderly end of the connection. */
export type RelayToFront = { type: 'chunk'; chunk: Uint8Array } | { type: 'end' };

/** The front's messages: bytes that the socket took; the port is closed when the viewer is gone. */
export interface RelayFromFront {
  creditBytes: number;
}
