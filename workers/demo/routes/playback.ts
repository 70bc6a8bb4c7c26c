import { randomBytes } from 'node:crypto';
import type { Exchange } from '../exchange.ts';
import { Reader } from '../reader.ts';
import type { Session } from '../session.ts';
import { baseUrl } from './start.ts';

/** What a second reader gets on 3.2.3: the status line twice, which no HTTP parser takes. */
const DOUBLED_STATUS = 'HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n';

function refusedAsSecond(exchange: Exchange, session: Session): boolean {
  const { faults } = session.content;
  const busy = session.readers.size > 0 && !faults.active('manyReaders');
  if (!busy && !faults.take('secondReader')) return false;
  exchange.state.counts.secondReaders++;
  exchange.req.socket.end(DOUBLED_STATUS);
  return true;
}

function newToken(session: Session): string {
  const token = session.content.faults.take('decimalToken')
    ? `0.${randomBytes(6).readUIntBE(0, 6)}`
    : randomBytes(16).toString('hex');
  session.tokens.add(token);
  return token;
}

/** `GET /ace/r/<infohash>/<key>`: redirects to the content. */
export async function playbackUrl(exchange: Exchange, infohash: string, key: string): Promise<void> {
  const session = exchange.state.sessions.find(infohash, key);
  if (!session) return exchange.text(404, 'unknown playback session id');
  const { faults } = session.content;
  if (faults.take('failToStart')) return exchange.text(500, 'failed to start');
  if (refusedAsSecond(exchange, session)) return;
  session.lastActivityMs = performance.now();
  const keepOpen = faults.take('redirectKeptOpen') !== undefined;
  const elsewhere = faults.take('redirectElsewhere')?.location;
  if (elsewhere) return exchange.redirect(elsewhere, keepOpen);
  const base = baseUrl(exchange, session.content);
  if (faults.take('redirectLoop')) return exchange.redirect(base + exchange.url.pathname, keepOpen);
  exchange.redirect(`${base}/content/${infohash}/${newToken(session)}`, keepOpen);
}

/** `GET /content/<infohash>/<token>`: the body, held back until data flows. */
export async function content(exchange: Exchange, infohash: string, token: string): Promise<void> {
  const { pacer, sessions, counts } = exchange.state;
  const session = sessions.of(infohash);
  if (!session?.tokens.has(token)) return exchange.text(404, 'unknown playback session id');
  if (refusedAsSecond(exchange, session)) return;
  const { socket } = exchange.req;
  const reader = new Reader(socket, session, { sessionDied: reason => sessions.end(session, reason) });
  counts.readersOpened++;
  session.readers.add(reader);
  pacer.add(reader);
  socket.once('close', () => {
    pacer.delete(reader);
    session.readers.delete(reader);
    session.lastActivityMs = performance.now();
  });
}
