import { sendBadJson } from '../bad-json.ts';
import type { Content } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import type { Session } from '../session.ts';

const MAGNET_HASH = /xt=urn:btih:([0-9a-f]{40})/i;

/** What a request selects, or how it fails: by id after some seconds, by infohash after many. */
type Selection = Content | 'none' | 'unknownId' | 'unknownInfohash';

/** The content a request names; of several selectors the documented order decides: content_id, infohash, url, magnet. */
export function select({ query, state: { contents } }: Exchange): Selection {
  const id = query.get('content_id') ?? query.get('id');
  if (id !== null) return contents.byContentId(id) ?? 'unknownId';
  const infohash = query.get('infohash');
  if (infohash !== null) return contents.byInfohash(infohash) ?? 'unknownInfohash';
  if (query.has('url')) return 'unknownId';
  const magnet = query.get('magnet');
  if (magnet === null) return 'none';
  return contents.byInfohash(MAGNET_HASH.exec(magnet)?.[1] ?? '') ?? 'unknownInfohash';
}

/** Scheme, host and port of the URLs in an answer: as the client asked, unless a fault says otherwise. */
export function baseUrl(exchange: Exchange, content: Content): string {
  const fixed = exchange.state.global.wrongHost || content.faults.take('wrongHost')?.host;
  return `http://${fixed ?? exchange.req.headers.host ?? '127.0.0.1'}`;
}

function controlDocument(exchange: Exchange, session: Session): Record<string, unknown> {
  const { content, key } = session;
  const base = baseUrl(exchange, content);
  const garbage = content.faults.take('garbagePlaybackUrl');
  return {
    playback_url: garbage ? (garbage.value ?? ':// no url') : `${base}/ace/r/${content.infohash}/${key}`,
    stat_url: `${base}/ace/stat/${content.infohash}/${key}`,
    command_url: `${base}/ace/cmd/${content.infohash}/${key}`,
    ...(exchange.query.get('use_api_events') === '1' && { event_url: `${base}/ace/event/${content.infohash}/${key}` }),
    infohash: content.infohash,
    playback_session_id: session.playbackSessionId,
    is_live: 1,
    is_encrypted: 0,
    client_session_id: -1,
  };
}

async function fail(exchange: Exchange, json: boolean, delayWireMs: number, error: string): Promise<void> {
  await exchange.waitWire(delayWireMs);
  if (json) exchange.json({ response: null, error });
  else exchange.text(500, error);
}

/** `GET /ace/getstream`: starts a session, then gives the control document or redirects to the playback URL. */
export async function getstream(exchange: Exchange): Promise<void> {
  const { query, state } = exchange;
  const { options } = state;
  state.counts.getstreamCalls++;
  const json = query.get('format') === 'json' || query.get('format') === 'jsonp';
  const content = select(exchange);
  if (content === 'none') return fail(exchange, json, 0, 'missing content id');
  if (content === 'unknownInfohash')
    return fail(exchange, json, options.unknownInfohashWireMs, 'failed to load content');
  if (content === 'unknownId' || content.faults.take('unknownId'))
    return fail(exchange, json, options.unknownIdWireMs, 'failed to load content');
  if (json && content.faults.take('premium'))
    return fail(exchange, json, options.jsonWireMs, 'HTTP API is available in the premium version only');

  // The session begins with the request, not with the answer: a client that gives up leaves it behind.
  const session = state.sessions.start(content, query.get('pid') ?? query.get('sid') ?? '');
  if (query.has('infohash')) state.contents.noteLoaded(content.infohash);
  session.stopNotifications ||= query.get('use_stop_notifications') === '1';
  const slow = content.faults.take('slowJson');
  await (slow ? exchange.wait(slow.delayMs) : exchange.waitWire(options.jsonWireMs));

  if (!json) return exchange.redirect(`${baseUrl(exchange, content)}/ace/r/${content.infohash}/${session.key}`);
  const answer = { response: controlDocument(exchange, session), error: null };
  const bad = content.faults.peek('badJson');
  if (bad && (bad.on ?? 'getstream') === 'getstream')
    sendBadJson(exchange, content.faults.take('badJson')!.kind, answer);
  else exchange.json(answer);
}
