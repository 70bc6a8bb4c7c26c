import { sendBadJson } from '../bad-json.ts';
import type { Exchange } from '../exchange.ts';
import type { JsonAnswer } from '../faults.ts';
import type { EngineEvent, Session } from '../session.ts';
import { statDocument } from '../stat.ts';

/** Answer of stat, command and event URLs once the session is stopped, taken over or expired; with status 200. */
const UNKNOWN_SESSION = { response: null, error: 'unknown playback session id' };

function find(exchange: Exchange, infohash: string, key: string): Session | undefined {
  const session = exchange.state.sessions.find(infohash, key);
  return session?.content.faults.active('unknownSession') ? undefined : session;
}

function answer(exchange: Exchange, session: Session, which: JsonAnswer, response: unknown): void {
  const { faults } = session.content;
  const value = { response, error: null };
  const bad = faults.peek('badJson');
  if (bad && (bad.on ?? which) === which) sendBadJson(exchange, faults.take('badJson')!.kind, value);
  else exchange.json(value);
}

/** `GET /ace/stat/<infohash>/<key>`. */
export async function stat(exchange: Exchange, infohash: string, key: string): Promise<void> {
  const { counts, options } = exchange.state;
  counts.statPolls++;
  const session = find(exchange, infohash, key);
  if (!session) return exchange.json(UNKNOWN_SESSION);
  const { faults } = session.content;
  const passive = exchange.query.get('skip_player_activity') === '1';
  if (options.statCountsAsActivity && !passive) session.lastActivityMs = performance.now();
  if (faults.take('statHangs')) return;
  answer(exchange, session, 'stat', faults.take('emptyStat') ? {} : statDocument(session, performance.now()));
}

/** `GET /ace/cmd/<infohash>/<key>?method=stop`. */
export async function command(exchange: Exchange, infohash: string, key: string): Promise<void> {
  const { counts, sessions } = exchange.state;
  const method = exchange.query.get('method');
  if (method === 'stop') counts.stops++;
  const session = find(exchange, infohash, key);
  if (!session) return exchange.json(UNKNOWN_SESSION);
  if (session.content.faults.take('stopHangs')) return;
  if (method !== 'stop') return exchange.json({ response: null, error: 'unknown method' });
  sessions.end(session, 'stopped');
  answer(exchange, session, 'command', 'ok');
}

/** The next event, an empty object after the hold, or undefined when the session ends without one. */
async function nextEvent(exchange: Exchange, session: Session): Promise<EngineEvent | object | undefined> {
  if (session.events.length === 0 && !session.ended) {
    const happened = new Promise<void>(resolve => {
      session.onEvent = resolve;
    });
    await Promise.race([happened, exchange.wait(exchange.state.options.eventHoldMs)]);
  }
  return session.events.shift() ?? (session.ended ? undefined : {});
}

/** `GET /ace/event/<infohash>/<key>`: one event a poll. */
export async function event(exchange: Exchange, infohash: string, key: string): Promise<void> {
  exchange.state.counts.eventPolls++;
  const session = find(exchange, infohash, key);
  const next = session && (await nextEvent(exchange, session));
  if (session && next) answer(exchange, session, 'event', next);
  else exchange.json(UNKNOWN_SESSION);
}
