import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { OutletSpec, RelayToFront } from '../../../src/shared/protocol.ts';
import { relay } from '../../../src/viewers/handoff.ts';
import { within } from '../support/waiting.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Both ends of one connection. */
async function connection(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  server.close();
  sockets.push(client, accepted);
  return [client, accepted];
}

describe('a relayed connection', () => {
  it('that is closed before the last bytes of its shard were looked at still sends them', async () => {
    const [client, accepted] = await connection();
    const relayed = relay(accepted, () => {});
    const { port } = relayed.outlet() as Extract<OutletSpec, { kind: 'relay' }>;
    const received = client.toArray();
    for (const text of ['the last ', 'words'])
      port.postMessage({ type: 'chunk', chunk: new TextEncoder().encode(text) } satisfies RelayToFront);
    port.postMessage({ type: 'end' } satisfies RelayToFront);
    relayed.close();
    const bytes = Buffer.concat(await within('the end of the connection', received));
    expect([bytes.toString(), relayed.sentBytes]).toEqual(['the last words', bytes.length]);
  });
});
