import type { Exchange } from '../exchange.ts';
import { command, event, stat } from './control.ts';
import { content, playbackUrl } from './playback.ts';
import { raw } from './raw.ts';
import { search } from './search.ts';
import { serverApi, webuiService } from './service.ts';
import { simulator } from './simulator.ts';
import { getstream } from './start.ts';

type KeyedRoute = (exchange: Exchange, infohash: string, key: string) => Promise<void>;

const byPath: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
  '/ace/getstream': getstream,
  '/webui/api/service': webuiService,
  '/server/api': serverApi,
  '/search': search,
  '/raw': raw,
};

/** Routes that end in an infohash and a key (or, for the content, a token). */
const byPrefix: Readonly<Record<string, KeyedRoute>> = {
  'ace/r': playbackUrl,
  'ace/stat': stat,
  'ace/cmd': command,
  'ace/event': event,
};

function keyedRoute(path: string[]): { route: KeyedRoute; infohash: string; key: string } | undefined {
  const [infohash = '', key = ''] = path.slice(-2);
  const route = path.length === 3 && path[0] === 'content' ? content : byPrefix[path.slice(0, -2).join('/')];
  return route && { route, infohash: infohash.toLowerCase(), key };
}

/** Answers a request, or leaves it unanswered where a fault says so. */
export async function dispatch(exchange: Exchange): Promise<void> {
  const { req, path, url, state } = exchange;
  if (path[0] === 'sim') return simulator(exchange);
  if (state.global.down) req.socket.destroy();
  if (state.global.down || state.global.hang) return;
  if (state.global.status503) return exchange.text(503, 'Service Unavailable');
  if (req.method !== 'GET') return exchange.text(501, `Unsupported method ('${req.method}')`);
  const route = byPath[url.pathname];
  if (route) return route(exchange);
  const keyed = keyedRoute(path);
  if (keyed) return keyed.route(exchange, keyed.infohash, keyed.key);
  exchange.text(404, 'Not Found');
}
