import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RELAY_WINDOW_BYTES, type RelayFromFront, type RelayToFront } from '../../../src/shared/protocol.ts';
import type { Outlet } from '../../../workers/shard/outlet.ts';
import { relayHub } from '../../../workers/shard/relay-outlet.ts';
import { until } from '../support/waiting.ts';

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function relayed() {
  const { port1: front, port2: port } = new MessageChannel();
  open.push(front, port);
  const received: Buffer[] = [];
  const events: string[] = [];
  front.on('message', (message: RelayToFront) => {
    if (message.type === 'end') events.push('end');
    else received.push(Buffer.from(message.chunk));
  });
  front.on('close', () => events.push('closed'));
  const outlet: Outlet = relayHub.open({ kind: 'relay', port }, 0, {
    onWritable: () => events.push('writable'),
    onGone: () => events.push('gone'),
  });
  const credit = (creditBytes: number) => front.postMessage({ creditBytes } satisfies RelayFromFront);
  return { front, outlet, received, events, credit };
}

const PATTERN = Buffer.from(Uint8Array.from({ length: 3 * RELAY_WINDOW_BYTES }, (_, i) => i ^ (i >> 8) ^ (i >> 16)));

describe('the relay to the front', () => {
  it('posts the bytes asked for, as a copy of its own', async () => {
    const { outlet, received } = relayed();
    const buffer = Buffer.from(PATTERN.subarray(0, 1000));
    expect(outlet.write(buffer, 100, 500)).toBe(500);
    buffer.fill(0);
    await until('the chunk arrives', () => received.length === 1);
    expect(received[0]!.equals(PATTERN.subarray(100, 600))).toBe(true);
  });

  it('has at most a window of bytes under way, and takes nothing beyond it', async () => {
    const { outlet, received } = relayed();
    expect(outlet.write(PATTERN, 0, PATTERN.length)).toBe(RELAY_WINDOW_BYTES);
    expect(outlet.write(PATTERN, 0, 1)).toBe(0);
    await until('the window arrives', () => received.length === 1);
    expect(received[0]!.length).toBe(RELAY_WINDOW_BYTES);
  });

  it('goes on by as many bytes as the front gives back, and says so', async () => {
    const { outlet, received, events, credit } = relayed();
    let sent = outlet.write(PATTERN, 0, RELAY_WINDOW_BYTES);
    for (const bytes of [1, 1000, 65_536]) {
      events.length = 0;
      credit(bytes);
      await until('the credit arrives', () => events.includes('writable'));
      expect(outlet.write(PATTERN, sent, PATTERN.length - sent)).toBe(bytes);
      sent += bytes;
      expect(outlet.write(PATTERN, sent, 1)).toBe(0);
    }
    await until('all chunks arrive', () => received.length === 4);
    expect(Buffer.concat(received).equals(PATTERN.subarray(0, sent))).toBe(true);
  });

  it('reports once that the viewer is gone when the front closes the port, and takes nothing any more', async () => {
    const { front, outlet, events } = relayed();
    front.close();
    await until('the close arrives', () => events.includes('gone'));
    expect(outlet.write(PATTERN, 0, 10)).toBe(-1);
    outlet.end();
    expect(events.filter(event => event === 'gone')).toHaveLength(1);
  });

  it('ends after what was written, in this order, and without an event of its own', async () => {
    const { outlet, received, events } = relayed();
    outlet.write(PATTERN, 0, 300);
    outlet.write(PATTERN, 300, 50);
    outlet.end();
    await until('the port closes', () => events.includes('closed'));
    expect(Buffer.concat(received).equals(PATTERN.subarray(0, 350))).toBe(true);
    expect(events).toEqual(['end', 'closed']);
    expect(outlet.write(PATTERN, 0, 1)).toBe(-1);
  });

  it('hears no credit after its end', async () => {
    const { outlet, events, credit } = relayed();
    credit(5);
    outlet.end();
    await until('the port closes', () => events.includes('closed'));
    expect(events).not.toContain('writable');
  });
});
