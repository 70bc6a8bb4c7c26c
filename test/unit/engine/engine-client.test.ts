import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EngineClient } from '../../../src/engine/engine-client.ts';
import { type Answer, json, rawServer, refusingUrl, ScriptedEngine } from '../support/scripted-engine.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const HASH = '0123456789abcdef0123456789abcdef01234567';
const SESSION = {
  infohash: HASH,
  playbackPath: '/ace/r/1',
  statPath: '/ace/stat/1',
  commandPath: '/ace/cmd/1',
  isLive: true,
};
const CONTROL = {
  infohash: HASH,
  playback_url: 'http://x/ace/r/1',
  stat_url: '/ace/stat/1',
  command_url: '/ace/cmd/1',
};
const SELECTOR = { kind: 'content_id', value: HASH } as const;
const PLENTY_MS = 60_000;
const SILENCE: Answer = () => {};

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function clientOf(url: string): EngineClient {
  const client = new EngineClient(url);
  cleanUps.push(() => client.destroy());
  return client;
}

async function engine(answers: Record<string, Answer>) {
  const server = await ScriptedEngine.start(answers);
  cleanUps.push(() => server.close());
  return { server, client: clientOf(server.url) };
}

async function raw(answer: Parameters<typeof rawServer>[0]): Promise<EngineClient> {
  const server = await rawServer(answer);
  cleanUps.push(server.close);
  return clientOf(server.url);
}

/** Lets time limits end when the test says so. */
function scriptedTimeouts(): { asked: number[]; expire: () => void } {
  const open: AbortController[] = [];
  const asked: number[] = [];
  jest.spyOn(AbortSignal, 'timeout').mockImplementation(ms => {
    const controller = new AbortController();
    asked.push(ms);
    open.push(controller);
    return controller.signal;
  });
  return {
    asked,
    expire: () => {
      for (const controller of open.splice(0)) controller.abort(new DOMException('time is up', 'TimeoutError'));
    },
  };
}

describe('the calls of an engine client', () => {
  it('ask for the version', async () => {
    const { server, client } = await engine({
      '/webui/api/service': json({ result: { version: '3.2.3', platform: 'linux' }, error: null }),
    });
    expect(await client.version()).toEqual({ version: '3.2.3', platform: 'linux' });
    expect(server.requests[0]!.search).toBe('?method=get_version');
  });

  it('ask for the network', async () => {
    const { server, client } = await engine({ '/server/api': json({ result: { connected: true } }) });
    expect(await client.networkConnected()).toBe(true);
    expect(Object.fromEntries(server.requests[0]!.searchParams)).toEqual({
      api_version: '3',
      method: 'get_network_connection_status',
    });
  });

  it.each([
    ['content_id', HASH],
    ['infohash', HASH],
    ['url', 'http://example.com/a?b=c&d=e#f'],
    ['magnet', `magnet:?xt=urn:btih:${HASH}&tr=x`],
  ] as const)('look up a %s unharmed', async (kind, value) => {
    const { server, client } = await engine({ '/server/api': json({ result: { infohash: HASH, name: 'N' } }) });
    expect(await client.mediaInfo({ kind, value }, PLENTY_MS)).toEqual({ infohash: HASH, name: 'N' });
    expect(server.requests[0]!.searchParams.get(kind)).toBe(value);
  });

  it('start a session by the parameters that every engine knows', async () => {
    const { server, client } = await engine({ '/ace/getstream': json({ response: CONTROL, error: null }) });
    const options = { transcode_audio: '1', quality: 'a&b=c' };
    const session = await client.start({ selector: SELECTOR, options, pid: 'p 1', timeoutMs: PLENTY_MS });
    expect(session).toEqual(SESSION);
    expect(Object.fromEntries(server.requests[0]!.searchParams)).toEqual({
      transcode_audio: '1',
      quality: 'a&b=c',
      format: 'json',
      pid: 'p 1',
      id: HASH,
    });
    await client.start({ selector: { kind: 'infohash', value: HASH }, options: {}, pid: 'p', timeoutMs: PLENTY_MS });
    expect(server.requests[1]!.searchParams.get('infohash')).toBe(HASH);
  });

  it('cannot have their parameters overridden by options', async () => {
    const { server, client } = await engine({ '/ace/getstream': json({ response: CONTROL }) });
    const options = { pid: 'theirs', format: 'xml', id: 'theirs' };
    await client.start({ selector: SELECTOR, options, pid: 'ours', timeoutMs: PLENTY_MS });
    expect(Object.fromEntries(server.requests[0]!.searchParams)).toEqual({ pid: 'ours', format: 'json', id: HASH });
  });

  it('stop a session whose control document is unusable, where it says how', async () => {
    const { server, client } = await engine({
      '/ace/getstream': json({ response: { ...CONTROL, playback_url: 'ftp://x/' } }),
      '/ace/cmd/1': json({ response: 'ok' }),
    });
    const start = (): Promise<unknown> =>
      failureOf(() => client.start({ selector: SELECTOR, options: {}, pid: 'p', timeoutMs: PLENTY_MS }));
    expect(await start()).toMatchObject({ code: 'engine_bad_answer' });
    expect(server.requests.map(url => url.pathname + url.search).slice(1)).toEqual(['/ace/cmd/1?method=stop']);
    server.answers['/ace/getstream'] = json({ response: { infohash: 'bad' } });
    expect(await start()).toMatchObject({ code: 'engine_bad_answer' });
    expect(server.paths).toEqual(['/ace/getstream', '/ace/cmd/1', '/ace/getstream']);
  });

  it('ask for statistics where the session says', async () => {
    const { server, client } = await engine({ '/ace/stat/1': json({ response: { status: 'dl', peers: 2 } }) });
    expect(await client.stat(SESSION)).toMatchObject({ status: 'dl', peers: 2 });
    expect(server.paths).toEqual(['/ace/stat/1']);
  });

  it("reach the configured engine, whatever host the session's addresses name", async () => {
    const { server, client } = await engine({
      '/ace/getstream': json({ response: { ...CONTROL, stat_url: 'http://192.0.2.1:1/ace/stat/9?k=v' } }),
      '/ace/stat/9': json({ response: {} }),
    });
    await client.stat(await client.start({ selector: SELECTOR, options: {}, pid: 'p', timeoutMs: PLENTY_MS }));
    expect(server.requests[1]!.pathname + server.requests[1]!.search).toBe('/ace/stat/9?k=v');
  });

  it('end a session by the command address, keeping its query', async () => {
    const { server, client } = await engine({ '/ace/cmd/1': json({ response: 'ok', error: null }) });
    expect(await client.stop('/ace/cmd/1?k=v')).toBe(true);
    expect(Object.fromEntries(server.requests[0]!.searchParams)).toEqual({ k: 'v', method: 'stop' });
  });

  it('read an answer that comes in pieces', async () => {
    const { client } = await engine({
      '/webui/api/service': (_, response) => {
        response.write('{"result": {"ver');
        setImmediate(() => response.end('sion": "1"}}'));
      },
    });
    expect((await client.version()).version).toBe('1');
  });

  it("hand on the engine's error as a code", async () => {
    const { client } = await engine({ '*': json({ response: null, error: 'failed to load content' }) });
    expect(await failureOf(() => client.mediaInfo(SELECTOR, PLENTY_MS))).toMatchObject({ code: 'content_not_found' });
  });

  it.each([404, 500])('read the envelope of an answer with status %i', async status => {
    const { client } = await engine({ '*': json({ error: 'unknown playback session id' }, status) });
    expect(await failureOf(() => client.stat(SESSION))).toMatchObject({ code: 'session_lost' });
  });
});

/** Viewers read the message: it must not say where the engine is. */
function expectNoAddress(error: unknown, url: string): void {
  expect(String(error)).not.toContain(new URL(url).hostname);
  expect(String(error)).not.toContain(new URL(url).port);
}

describe('an engine that does not answer properly', () => {
  it('and refuses connections is unavailable', async () => {
    const url = await refusingUrl();
    const error = await failureOf(() => clientOf(url).version());
    expect(error).toMatchObject({
      code: 'engine_unavailable',
      message: 'The engine cannot be reached (ECONNREFUSED).',
    });
    expectNoAddress(error, url);
  });

  it('and hangs is silent, after the time that the caller gave', async () => {
    const timeouts = scriptedTimeouts();
    const { server, client } = await engine({ '*': SILENCE });
    const failure = failureOf(() => client.mediaInfo(SELECTOR, 1_234));
    await until('the question arrives', () => server.requests.length === 1);
    timeouts.expire();
    const error = await within('the answer', failure);
    expect(error).toMatchObject({ code: 'engine_silent' });
    expect(String(error)).toContain('1.234 s');
    expectNoAddress(error, server.url);
    expect(timeouts.asked).toEqual([1_234]);
  });

  it('and hangs is given up in real time as well', async () => {
    const { client } = await engine({ '*': SILENCE });
    expect(
      await within(
        'the answer',
        failureOf(() => client.mediaInfo(SELECTOR, 30)),
      ),
    ).toMatchObject({
      code: 'engine_silent',
    });
  });

  it('and hangs is given up, too, after what is left of a budget', async () => {
    const { client } = await engine({ '*': SILENCE });
    const failure = await within(
      'the answer',
      failureOf(() => client.mediaInfo(SELECTOR, 29.3)),
    );
    expect(failure).toMatchObject({ code: 'engine_silent', message: 'The engine did not answer within 0.03 s.' });
  });

  it('and hangs in the middle of its answer is silent', async () => {
    const timeouts = scriptedTimeouts();
    const begun: unknown[] = [];
    const { client } = await engine({
      '*': (_, response) => response.write('{"result":', () => begun.push(1)),
    });
    const failure = failureOf(() => client.version());
    await until('the answer begins', () => begun.length === 1);
    timeouts.expire();
    expect(await within('the answer', failure)).toMatchObject({ code: 'engine_silent' });
  });

  it.each([
    ['a web page', '<!DOCTYPE html><html>\n<body>It works!</body></html>'],
    ['truncated JSON', '{"result": {"version": "3.'],
    ['nothing', ''],
    ['a list', '[]'],
    ['a number', '42'],
    ['null', 'null'],
  ])('but with %s answers badly', async (_, body) => {
    const { client } = await engine({ '*': (_request, response) => void response.end(body) });
    expect(await failureOf(() => client.version())).toMatchObject({ code: 'engine_bad_answer' });
  });

  it('shows in the message how a web page began, and its status', async () => {
    const { client } = await engine({
      '*': (_, response) => void response.writeHead(403).end(`<h1>No</h1>\n${'x'.repeat(999)}`),
    });
    const error = (await failureOf(() => client.version())) as Error;
    expect(error.message).toContain('403');
    expect(error.message).toContain('<h1>No</h1> x');
    expect(error.message.length).toBeLessThan(250);
  });

  it('but with an endless body is cut off after a megabyte', async () => {
    const closed = jest.fn();
    const { client } = await engine({
      '*': (_, response) => {
        response.on('close', closed);
        const more = (): void => {
          while (response.write(Buffer.alloc(65_536, 0x20)));
        };
        response.on('drain', more);
        more();
      },
    });
    const error = await within(
      'the answer',
      failureOf(() => client.version()),
    );
    expect(error).toMatchObject({ code: 'engine_bad_answer' });
    expect(String(error)).toContain('1048576');
    await until('the connection closes', () => closed.mock.calls.length === 1);
  });

  it('but with huge headers answers badly', async () => {
    const client = await raw(socket => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n{}`));
    expect(
      await within(
        'the answer',
        failureOf(() => client.version()),
      ),
    ).toMatchObject({ code: 'engine_bad_answer' });
  });

  it('but with another protocol answers badly', async () => {
    const client = await raw(socket => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    const error = await within(
      'the answer',
      failureOf(() => client.version()),
    );
    expect(error).toMatchObject({ code: 'engine_bad_answer' });
    expectNoAddress(error, client.url);
  });

  it('but closes the connection is unavailable', async () => {
    const client = await raw(socket => socket.end());
    expect(
      await within(
        'the answer',
        failureOf(() => client.version()),
      ),
    ).toMatchObject({ code: 'engine_unavailable' });
  });

  it('but resets the connection in the middle of its answer is unavailable', async () => {
    const client = await raw(socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"result":', () => socket.resetAndDestroy());
    });
    expect(
      await within(
        'the answer',
        failureOf(() => client.version()),
      ),
    ).toMatchObject({ code: 'engine_unavailable' });
  });
});

describe('ending a session', () => {
  it('that the engine has forgotten counts as done, at the first try', async () => {
    const { server, client } = await engine({ '*': json({ error: 'unknown playback session id' }) });
    expect(await client.stop('/ace/cmd/1')).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('is tried again once when it failed', async () => {
    let calls = 0;
    const { server, client } = await engine({
      '*': (request, response) => (++calls === 1 ? response.destroy() : json({ response: 'ok' })(request, response)),
    });
    expect(await client.stop('/ace/cmd/1')).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it('is not confirmed by an engine that hangs both times', async () => {
    const timeouts = scriptedTimeouts();
    const { server, client } = await engine({ '*': SILENCE });
    const stopped = client.stop('/ace/cmd/1');
    for (const attempt of [1, 2]) {
      await until(`attempt ${attempt}`, () => server.requests.length === attempt);
      timeouts.expire();
    }
    expect(await within('stop', stopped)).toBe(false);
    expect(timeouts.asked).toEqual([3_000, 3_000]);
    expect(server.requests).toHaveLength(2);
  });

  it('is not confirmed by an engine that is gone, and never throws', async () => {
    expect(await clientOf(await refusingUrl()).stop('/ace/cmd/1')).toBe(false);
  });
});

describe('opening playback', () => {
  const endless: Answer = (_, response) => {
    response.writeHead(200, { 'Content-Type': 'video/mp2t' });
    response.write('first bytes');
  };
  const redirect =
    (location: string): Answer =>
    (_, response) => {
      // The body of a redirect may not end.
      response.writeHead(302, { Location: location });
      response.write('x');
    };

  async function firstBytes(client: EngineClient): Promise<{ contentType: string; bytes: string }> {
    const abort = new AbortController();
    const playback = await within('playback', client.openPlayback(SESSION, abort.signal));
    let ended: Promise<unknown> | undefined;
    const chunk = await within(
      'the first bytes',
      new Promise<Buffer>(resolve => {
        ended = failureOf(() => playback.body.read(bytes => resolve(Buffer.from(bytes))));
      }),
    );
    abort.abort();
    expect(await within('the end of the body', ended!)).toMatchObject({ name: 'AbortError' });
    return { contentType: playback.contentType, bytes: chunk.toString() };
  }

  it('brings the bytes of an endless body', async () => {
    const { client } = await engine({ '/ace/r/1': endless });
    expect(await firstBytes(client)).toEqual({ contentType: 'video/mp2t', bytes: 'first bytes' });
  });

  it('follows redirects on the configured engine only, and never reads their bodies', async () => {
    const closed: string[] = [];
    const watched =
      (name: string, answer: Answer): Answer =>
      (request, response) => {
        response.on('close', () => closed.push(name));
        answer(request, response);
      };
    const { server, client } = await engine({
      '/ace/r/1': watched('first', redirect('http://192.0.2.1/content/a?k=v')),
      '/content/a': watched('second', redirect('/hls/b')),
      '/hls/b': endless,
    });
    const abort = new AbortController();
    const { body } = await within('playback', client.openPlayback(SESSION, abort.signal));
    expect(server.requests.map(url => url.pathname + url.search)).toEqual(['/ace/r/1', '/content/a?k=v', '/hls/b']);
    await until('the redirects are closed', () => closed.includes('first') && closed.includes('second'));
    const ended = failureOf(() => body.read(() => {}));
    abort.abort();
    expect(await within('the end of the body', ended)).toMatchObject({ name: 'AbortError' });
  });

  it('gives up on a redirect loop', async () => {
    const { server, client } = await engine({ '/ace/r/1': redirect('/ace/r/1') });
    const error = await within(
      'playback',
      failureOf(() => client.openPlayback(SESSION, new AbortController().signal)),
    );
    expect(error).toMatchObject({ code: 'engine_bad_answer' });
    expect(server.requests).toHaveLength(5);
  });

  it.each([
    ['elsewhere', 302, { Location: 'http://127.0.0.1/webui/api/service?method=shutdown' }],
    ['to another scheme', 302, { Location: 'file:///ace/x' }],
    ['nowhere', 302, {}],
    ['away with status 404', 404, {}],
    ['away with status 500', 500, {}],
    ['away with status 204', 204, {}],
  ])('that is sent %s is a bad answer', async (_, status, headers) => {
    const { server, client } = await engine({
      '/ace/r/1': (_request, response) => void response.writeHead(status, headers).end(),
    });
    const error = await within(
      'playback',
      failureOf(() => client.openPlayback(SESSION, new AbortController().signal)),
    );
    expect(error).toMatchObject({ code: 'engine_bad_answer' });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [undefined, 'application/octet-stream'],
    ['video/MP2T', 'video/MP2T'],
    ['video/mp2t; charset="x"', 'video/mp2t; charset="x"'],
    ['nonsense', 'application/octet-stream'],
    ['text/html<script>', 'application/octet-stream'],
  ])('takes content type %p for %p', async (sent, contentType) => {
    const { client } = await engine({
      '/ace/r/1': (_, response) => {
        response.writeHead(200, sent === undefined ? {} : { 'Content-Type': sent });
        response.write('bytes');
      },
    });
    expect((await firstBytes(client)).contentType).toBe(contentType);
  });

  it('ends when it is aborted, before and after the answer', async () => {
    const closed: string[] = [];
    const { server, client } = await engine({
      '/ace/r/1': (_, response) => response.on('close', () => closed.push('request')),
    });
    const abort = new AbortController();
    const failure = failureOf(() => client.openPlayback(SESSION, abort.signal));
    await until('the request arrives', () => server.requests.length === 1);
    abort.abort();
    expect(await within('the request ends', failure)).toMatchObject({ name: 'AbortError' });
    await until('the connection closes', () => closed.length === 1);
    server.answers['/ace/r/1'] = (request, response) => {
      response.on('close', () => closed.push('body'));
      endless(request, response);
    };
    await firstBytes(client);
    await until('the body closes', () => closed.includes('body'));
  });
});
