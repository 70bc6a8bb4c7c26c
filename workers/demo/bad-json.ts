import { Readable } from 'node:stream';
import type { Exchange } from './exchange.ts';
import type { BadJsonKind } from './faults.ts';

const HUGE_HEADER_BYTES = 256 * 1024;
const ENDLESS_PIECE = '{"name":"filler","params":{}},'.repeat(1000);

function* endlessDocument(): Generator<string> {
  yield '{"response":{"events":[';
  for (;;) yield ENDLESS_PIECE;
}

/** Answers with something that isn't the JSON document it should be. */
export function sendBadJson(exchange: Exchange, kind: BadJsonKind, value: unknown): void {
  const { res } = exchange;
  switch (kind) {
    case 'html':
      res.writeHead(200, { 'Content-Type': 'text/html' });
      res.end('<html><body><h1>It works!</h1></body></html>');
      return;
    case 'truncated': {
      const json = JSON.stringify(value);
      res.writeHead(200, { 'Content-Type': 'application/json' });
      res.end(json.slice(0, json.length >> 1));
      return;
    }
    case 'endless':
      res.writeHead(200, { 'Content-Type': 'application/json' });
      // The pipe waits for its reader, and is destroyed with the response.
      Readable.from(endlessDocument()).pipe(res);
      return;
    case 'hugeHeaders':
      res.writeHead(200, { 'Content-Type': 'application/json', 'X-Filler': 'x'.repeat(HUGE_HEADER_BYTES) });
      res.end(JSON.stringify(value));
      return;
    case 'empty':
      res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 0 });
      res.end();
  }
}
