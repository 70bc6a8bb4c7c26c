import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as GatewayModule from '../../src/gateway.ts';
import type { StreamSpec } from '../../src/shared/stream-spec.ts';
import { Viewer, type WatchOptions } from './viewer.ts';

/** An HTTP server that logs players in and makes them viewers, as a route would. */
export interface PlayServer {
  /** Opens a content for an account, on the device with this agent. */
  play(username: string, infohash: string, options?: WatchOptions & { agent?: string; password?: string }): Viewer;
  close(): Promise<void>;
}

function specOf(infohash: string): StreamSpec {
  const selector = { kind: 'infohash', value: infohash } as const;
  return { key: infohash, sources: [{ kind: 'engine', content: infohash, selector, options: {} }] };
}

async function admit(gateway: GatewayModule.Gateway, request: IncomingMessage): Promise<string | undefined> {
  const [, username = '', password = '', infohash = ''] = request.url!.split('/');
  const { socket } = request;
  const address = socket.remoteAddress!;
  const verdict = await gateway.credentials.verify(username, password, address);
  if (verdict.kind !== 'ok' || verdict.standing !== 'active') return verdict.kind;
  gateway.sessions.begin({
    account: verdict.account,
    channelId: Number.parseInt(infohash.slice(-4), 16),
    channelName: `Channel ${infohash.slice(-4)}`,
    format: 'ts',
    stream: specOf(infohash),
    socket,
    address,
    userAgent: String(request.headers['x-agent'] ?? ''),
  });
  return undefined;
}

/** Starts one on a free port. */
export async function startPlayServer(gateway: GatewayModule.Gateway): Promise<PlayServer> {
  const server = createServer((request, response) => {
    admit(gateway, request).then(
      refusal => refusal !== undefined && response.writeHead(401, { Connection: 'close' }).end(refusal),
      (error: { code: string }) => response.writeHead(403, { Connection: 'close' }).end(error.code),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    play: (username, infohash, { agent = 'tv', password = 's3cret', ...options } = {}) =>
      new Viewer(port, `/${username}/${password}/${infohash}`, { ...options, headers: { 'X-Agent': agent } }),
    close: () => new Promise(resolve => server.close(() => resolve())),
  };
}
