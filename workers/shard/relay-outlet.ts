import {
  type OutletSpec,
  RELAY_WINDOW_BYTES,
  type RelayFromFront,
  type RelayToFront,
} from '../../src/shared/protocol.ts';
import type { Outlet, OutletEvents, OutletHub } from './outlet.ts';

/**
 * Posts chunks to the front, which writes them to the viewer's socket. At most a window of bytes is under way: the
 * front returns credit as its socket takes them.
 */
export const relayHub: OutletHub<Extract<OutletSpec, { kind: 'relay' }>> = {
  open({ port }, _slot, events: OutletEvents): Outlet {
    let creditBytes = RELAY_WINDOW_BYTES;
    let open = true;
    const gone = (): void => {
      if (!open) return;
      open = false;
      events.onGone();
    };
    port.on('message', (message: RelayFromFront) => {
      creditBytes += message.creditBytes;
      if (open) events.onWritable();
    });
    port.on('close', gone);
    const write = (buffer: Buffer, from: number, length: number): number => {
      if (!open) return -1;
      const count = Math.min(length, creditBytes);
      if (count > 0) {
        const chunk = new Uint8Array(count);
        chunk.set(buffer.subarray(from, from + count));
        creditBytes -= count;
        port.postMessage({ type: 'chunk', chunk } satisfies RelayToFront, [chunk.buffer]);
      }
      return count;
    };
    return {
      write,
      forward: ({ buffer }, from, length) => write(buffer, from, length),
      end() {
        if (!open) return;
        open = false;
        port.postMessage({ type: 'end' } satisfies RelayToFront);
        port.close();
      },
    };
  },
};
