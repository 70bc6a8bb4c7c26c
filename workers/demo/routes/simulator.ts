import type { ContentSpec } from '../content.ts';
import type { ContentPatch } from '../controls.ts';
import { engineSnapshot, type GlobalPatch, patchContent, patchGlobal } from '../controls.ts';
import type { Exchange } from '../exchange.ts';

const MAX_BODY_BYTES = 64 * 1024;

async function body(exchange: Exchange): Promise<object> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of exchange.req as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) throw new Error('the body is too large');
    pieces.push(piece);
  }
  const value: unknown = length === 0 ? {} : JSON.parse(Buffer.concat(pieces).toString());
  if (typeof value !== 'object' || value === null) throw new Error('the body is not a JSON object');
  return value;
}

async function contents(exchange: Exchange, infohash: string): Promise<void> {
  const { state } = exchange;
  if (exchange.req.method === 'PUT') {
    const { contentId, name } = state.contents.put(infohash, (await body(exchange)) as ContentSpec);
    return exchange.json({ infohash, contentId, name });
  }
  if (exchange.req.method === 'PATCH') {
    const content = patchContent(state, infohash, (await body(exchange)) as ContentPatch);
    return exchange.json({ infohash, faults: content.faults });
  }
  exchange.text(405, 'PUT or PATCH');
}

async function route(exchange: Exchange): Promise<void> {
  const [, resource, infohash] = exchange.path;
  const { method } = exchange.req;
  if (resource === 'contents' && infohash) return contents(exchange, infohash);
  if (resource === 'state' && method === 'GET') return exchange.json(engineSnapshot(exchange.state));
  if (resource === 'global' && method === 'POST')
    return exchange.json(patchGlobal(exchange.state, (await body(exchange)) as GlobalPatch));
  exchange.text(404, 'no such control');
}

/** `/sim/…`: the control API for tests. It answers under every fault; a request it can't carry out gets 400 and the reason. */
export async function simulator(exchange: Exchange): Promise<void> {
  try {
    await route(exchange);
  } catch (error) {
    exchange.json({ error: error instanceof Error ? error.message : String(error) }, 400);
  }
}
