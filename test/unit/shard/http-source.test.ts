import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpSource } from '../../../workers/shard/source/http-source.ts';
import type { Opened, SourceSink } from '../../../workers/shard/source/source.ts';
import { endless, type OriginAnswer, redirect, ScriptedOrigin } from '../support/scripted-origin.ts';
import { Multiplex } from '../support/ts.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const STREAM = new Multiplex().tables().keyFrame(20).take();

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

class Sink implements SourceSink {
  readonly told: Opened[] = [];
  readonly events: unknown[] = [];
  bytes = 0;

  opened(info: Opened): void {
    this.told.push(info);
  }

  data(chunk: Buffer): void {
    this.bytes += chunk.length;
    chunk.fill(0); // As a stream may.
  }

  event(name: string, details: Record<string, string | number | boolean>): void {
    this.events.push([name, details]);
  }
}

async function rig(answers: Record<string, OriginAnswer>, allowPrivateSources = true) {
  const server = await ScriptedOrigin.start(answers);
  cleanUps.push(() => server.close());
  const spec = { kind: 'http', url: `${server.url}/?token=hunter2`, headers: { 'User-Agent': 'ua' } } as const;
  const source = new HttpSource(spec, { allowPrivateSources, httpTimeoutMs: 60_000 });
  return { server, source, sink: new Sink(), signal: new AbortController() };
}

describe('an HTTP source', () => {
  it('says where its bytes come from by host alone, and hands them on', async () => {
    const { server, source, sink, signal } = await rig({
      '/': redirect('/live?token=hunter2'),
      '/live': endless(STREAM),
    });
    const run = source.run('start', signal.signal, sink);
    await until('some bytes', () => sink.bytes > 0);
    const host = `127.0.0.1:${server.port}`;
    expect(sink.told).toEqual([{ contentType: 'video/mp2t', origin: host, infohash: undefined }]);
    expect(sink.events).toEqual([['source opened', { host, redirects: 1 }]]);
    expect(server.requests[0]!.headers['user-agent']).toBe('ua');
    signal.abort();
    await within('the end of the run', run);
    await until('the connection to close', () => server.open === 0);
  });

  it('ends well only where its content has an end', async () => {
    const file = await rig({
      '/': (_, response) => response.writeHead(200, { 'Content-Length': STREAM.length }).end(STREAM),
    });
    await within('the end of the file', file.source.run('start', file.signal.signal, file.sink));
    expect(file.sink.bytes).toBe(STREAM.length);
    const live = await rig({ '/': (_, response) => response.writeHead(200).end(STREAM) });
    const error = await failureOf(() => live.source.run('start', live.signal.signal, live.sink));
    expect(error).toMatchObject({ code: 'source_ended' });
    expect(live.sink.bytes).toBe(STREAM.length);
  });

  it('can be run again after it broke, over a new connection', async () => {
    const { server, source, sink, signal } = await rig({
      '/': (request, response) => {
        if (server.requests.length === 1) response.writeHead(503).end();
        else endless(STREAM)(request, response);
      },
    });
    const error = await failureOf(() => source.run('start', signal.signal, sink));
    expect(error).toMatchObject({ code: 'source_unavailable' });
    expect(source.rungs).toEqual(['reopen']);
    const run = source.run('reopen', signal.signal, sink);
    await until('some bytes', () => sink.bytes > 0);
    expect(server.connections).toBe(2);
    signal.abort();
    await within('the end of the run', run);
  });

  it('ends its connection when it is closed, and can be run again afterwards', async () => {
    const { server, source, sink, signal } = await rig({ '/': endless(STREAM) });
    const run = source.run('start', signal.signal, sink);
    await until('some bytes', () => sink.bytes > 0);
    await within('the closing', source.close());
    await within('the end of the run', run);
    await until('the connection to close', () => server.open === 0);
    await within('the second closing', source.close());
    const before = sink.bytes;
    const again = source.run('start', signal.signal, sink);
    await until('more bytes', () => sink.bytes > before);
    expect(server.connections).toBe(2);
    signal.abort();
    await within('the end of the second run', again);
    await until('the second connection to close', () => server.open === 0);
  });

  it('opens nothing when its signal fired before', async () => {
    const { server, source, sink, signal } = await rig({ '/': endless(STREAM) });
    signal.abort();
    await within('the end of the run', source.run('start', signal.signal, sink));
    expect(server.connections).toBe(0);
  });

  it('does not read from private addresses unless it may', async () => {
    const { server, source, sink, signal } = await rig({ '/': endless(STREAM) }, false);
    const error = await failureOf(() => source.run('start', signal.signal, sink));
    expect(error).toMatchObject({ code: 'source_not_allowed' });
    expect(server.connections).toBe(0);
  });
});
