import { createHash } from 'node:crypto';
import type { Content } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { searchResult } from './search.ts';
import { select } from './start.ts';

/** Engines show 64 hex digits that stay the same until they restart; nothing here depends on the value. */
const ACCESS_TOKEN = createHash('sha256').update('stand-in engine').digest('hex');

const failure = (message: string) => ({ result: null, error: { message, code: 0 } });

function versionOf(version: string): { code: number; platform: string; version: string } {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return { code: major * 1_000_000 + minor * 10_000 + patch * 100, platform: 'linux', version };
}

/** `GET /webui/api/service`: only `get_version`, without a token. */
export async function webuiService(exchange: Exchange): Promise<void> {
  const { counts, options } = exchange.state;
  if (exchange.query.get('method') !== 'get_version') return exchange.json(failure('unknown method'));
  counts.versionCalls++;
  const websocket = { websocket_port: (exchange.req.socket.localPort ?? 0) + 1 };
  exchange.json({ result: { ...versionOf(options.version), ...websocket }, error: null });
}

function brief(content: Content): Record<string, unknown> {
  const { name, infohash } = content;
  return { files: [{ index: 0, filename: name }], name, infohash, type: 'live', transport_type: 'bt' };
}

async function mediaFiles(exchange: Exchange): Promise<void> {
  exchange.state.counts.mediaFilesCalls++;
  const content = select(exchange);
  const known = typeof content === 'object';
  const fault = known ? content.faults.take('resolve') : undefined;
  await exchange.wait(fault?.delayMs ?? 0);
  if (known && !fault?.fail && !content.faults.peek('unknownId'))
    return exchange.json({ result: brief(content), error: null });
  await exchange.waitWire(exchange.state.options.unresolvedWireMs);
  exchange.json(failure('cannot get transport file'));
}

async function contentId(exchange: Exchange): Promise<void> {
  const content = select(exchange);
  if (typeof content === 'object') exchange.json({ result: { content_id: content.contentId } });
  else exchange.json(failure('cannot get transport file'));
}

/** `GET /server/api`: the methods a gateway uses; without `api_version` access is denied. */
export async function serverApi(exchange: Exchange): Promise<void> {
  const { query, state } = exchange;
  const { counts, options, global } = state;
  if (!query.has('api_version')) return exchange.json({ result: null, error: 'access denied' });
  switch (query.get('method')) {
    case 'get_status':
      counts.statusCalls++;
      return exchange.json({ result: { playlist_loaded: true, version: versionOf(options.version) } });
    case 'get_network_connection_status':
      counts.networkStatusCalls++;
      return exchange.json({ result: { connected: !global.networkDisconnected } });
    case 'get_api_access_token':
      return exchange.json({ result: { token: ACCESS_TOKEN } });
    case 'get_media_files':
      return mediaFiles(exchange);
    case 'get_content_id':
      return contentId(exchange);
    case 'search':
      if (query.get('token') !== ACCESS_TOKEN) return exchange.json({ result: null, error: 'access denied' });
      return exchange.json({ result: searchResult(exchange), error: null });
    default:
      return exchange.json(failure('unknown method'));
  }
}
