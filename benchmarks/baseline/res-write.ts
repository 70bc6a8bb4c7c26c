/**
 * The naive gateway that every measurement is held against: one thread, node:http, the stream opened once, and
 * `res.write(chunk)` for every viewer. It ignores what `write` returns, so a viewer that stops reading costs memory.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';

const PACKET_BYTES = 188;

const { engine, infohash, port } = parseArgs({
  options: {
    engine: { type: 'string' },
    infohash: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
}).values;
if (engine === undefined || infohash === undefined) throw new Error('--engine and --infohash are required');

const viewers = new Set<http.ServerResponse>();
let opened: Promise<void> | null = null;

function get(url: string | URL): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get(url, resolve).on('error', reject);
  });
}

/** Opens the playback URL, following its redirect. */
async function open(url: URL): Promise<http.IncomingMessage> {
  const response = await get(url);
  if (response.statusCode !== 302 || response.headers.location === undefined) return response;
  response.resume();
  return open(new URL(response.headers.location, url));
}

async function run(): Promise<void> {
  const session = await get(`${engine}/ace/getstream?format=json&infohash=${infohash}`);
  let json = '';
  for await (const text of session.setEncoding('utf8')) json += text;
  const { response } = JSON.parse(json) as { response: { playback_url: string } };
  const stream = await open(new URL(response.playback_url));
  // Only whole packets go out, so that a viewer who joins between two chunks starts on a packet.
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % PACKET_BYTES);
    rest = bytes.subarray(whole);
    if (whole > 0) for (const viewer of viewers) viewer.write(bytes.subarray(0, whole));
  });
}

const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'video/mp2t' });
  response.flushHeaders();
  viewers.add(response);
  response.on('close', () => viewers.delete(response));
  opened ??= run();
  opened.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

server.listen(Number(port), '127.0.0.1', 4096, () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
