import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { classOf, type Network } from '../../../src/upstream/address-guard.ts';
import { HttpClient, type HttpClientLimits } from '../../../src/upstream/http-client.ts';
import { rawServer, refusingUrl } from '../support/scripted-engine.ts';
import { endless, type OriginAnswer, redirect, ScriptedOrigin } from '../support/scripted-origin.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { Multiplex } from '../support/ts.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const LIMITS: HttpClientLimits = { allowPrivate: true, answerTimeoutMs: 60_000, stallTimeoutMs: 60_000 };
const SHORT_MS = 150;
const STREAM = new Multiplex().tables().keyFrame(20).take();

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function origin(
  answers: Record<string, OriginAnswer>,
  options?: Parameters<typeof ScriptedOrigin.start>[1],
): Promise<ScriptedOrigin> {
  const started = await ScriptedOrigin.start(answers, options);
  cleanUps.push(() => started.close());
  return started;
}

/** A server that says what the test writes, byte by byte; `closed` tells whether the client has let go of it. */
async function raw(answer: (socket: Socket) => void): Promise<{ url: string; closed: () => boolean }> {
  let isClosed = false;
  const server = await rawServer(socket => {
    socket.on('close', () => {
      isClosed = true;
    });
    answer(socket);
  });
  cleanUps.push(server.close);
  return { url: server.url, closed: () => isClosed };
}

interface ReadOptions extends Partial<HttpClientLimits> {
  headers?: Record<string, string>;
  network?: Network;
}

/** A read under way, and what has come of it. */
function read(url: string, { headers = {}, network, ...limits }: ReadOptions = {}) {
  const stop = new AbortController();
  const opened: { contentType: string; host: string; redirects: number }[] = [];
  const chunks: Buffer[] = [];
  const client = new HttpClient({ ...LIMITS, ...limits }, network);
  const done = client.read({ url, headers }, stop.signal, {
    opened: info => void opened.push(info),
    data: chunk => void chunks.push(Buffer.from(chunk)),
  });
  done.catch(() => {}); // Looked at later.
  return {
    opened,
    stop: () => stop.abort(),
    done: () => within('the end of the read', done),
    failure: () =>
      within(
        'the failure of the read',
        failureOf(() => done),
      ),
    body: () => Buffer.concat(chunks),
    some: () => until('some bytes', () => chunks.length > 0),
  };
}

const CRLF = '\r\n';
const HEAD = `HTTP/1.1 200 OK${CRLF}Content-Type: video/mp2t${CRLF}`;

describe('a body', () => {
  it('of known length comes whole, and then the read is done', async () => {
    const server = await origin({
      '/': (_, response) => response.writeHead(200, { 'Content-Length': STREAM.length }).end(STREAM),
    });
    const reading = read(server.url);
    await reading.done();
    expect(reading.body().equals(STREAM)).toBe(true);
    expect(reading.opened).toEqual([{ contentType: 'video/mp2t', host: `127.0.0.1:${server.port}`, redirects: 0 }]);
    await until('the connection to close', () => server.open === 0);
  });

  it('of length 0 is done at once, and nothing was opened', async () => {
    const server = await origin({ '/': (_, response) => response.writeHead(200, { 'Content-Length': 0 }).end() });
    const reading = read(server.url);
    await reading.done();
    expect(reading.opened).toEqual([]);
  });

  it.each<[string, OriginAnswer]>([
    ['in chunks', (_, response) => response.writeHead(200).end(STREAM)],
    [
      'until the connection closes',
      (request, response) => {
        endless(STREAM)(request, response);
        setImmediate(() => response.end());
      },
    ],
  ])('sent %s has no end of its own, so its end is a failure', async (_how, answer) => {
    const reading = read((await origin({ '/': answer })).url);
    expect(await reading.failure()).toMatchObject({ code: 'source_ended' });
    expect(reading.body().equals(STREAM)).toBe(true);
  });

  it.each([
    ['within its known length', `${HEAD}Content-Length: 100000${CRLF}${CRLF}`],
    ['within a chunk', `${HEAD}Transfer-Encoding: chunked${CRLF}${CRLF}FFFF${CRLF}`],
  ])('that breaks off %s is a failure', async (_where, head) => {
    const server = await raw(socket => {
      socket.write(head);
      socket.end(STREAM);
    });
    const reading = read(server.url);
    expect(await reading.failure()).toMatchObject({ code: 'source_ended' });
    expect(reading.opened).toHaveLength(1);
  });

  it('whose connection is reset is a failure', async () => {
    let victim: Socket | undefined;
    const server = await raw(socket => {
      victim = socket;
      socket.write(`${HEAD}${CRLF}`);
      socket.write(STREAM);
    });
    const reading = read(server.url);
    await reading.some();
    victim!.resetAndDestroy();
    expect(await reading.failure()).toMatchObject({ code: 'source_ended' });
  });

  it('that stays silent is given up, and its connection closed', async () => {
    const server = await origin({ '/': endless(STREAM) });
    const reading = read(server.url, { stallTimeoutMs: SHORT_MS });
    expect(await reading.failure()).toMatchObject({ code: 'source_stalled' });
    expect(reading.body().equals(STREAM)).toBe(true);
    await until('the connection to close', () => server.open === 0);
  });

  it('ends with the signal: at once, without a failure, and the server sees it', async () => {
    const server = await origin({ '/': endless(STREAM) });
    const reading = read(server.url);
    await reading.some();
    reading.stop();
    await reading.done();
    await until('the connection to close', () => server.open === 0);
  });

  it('that comes in pieces of a byte is put together before it is judged', async () => {
    const server = await raw(socket => {
      socket.setNoDelay(true);
      socket.write(`${HEAD}Content-Length: 40${CRLF}${CRLF}`);
      let sent = 0;
      const next = (): void => {
        if (sent === 40) return;
        socket.write(STREAM.subarray(sent, ++sent));
        setImmediate(next);
      };
      next();
    });
    const reading = read(server.url);
    await reading.done();
    expect(reading.body().equals(STREAM.subarray(0, 40))).toBe(true);
  });

  it('has the type that the server says, if that is one of video or audio', async () => {
    for (const [type, told] of [
      ['video/MP2T; charset=x', 'video/mp2t'],
      ['audio/aac', 'audio/aac'],
      ['application/octet-stream', 'video/mp2t'],
      ['video/<script>', 'video/mp2t'],
      ['text/plain', 'video/mp2t'],
    ] as const) {
      const server = await origin({
        '/': (_, response) =>
          response.writeHead(206, { 'Content-Type': type, 'Content-Length': 188 }).end(STREAM.subarray(0, 188)),
      });
      const reading = read(server.url);
      await reading.done();
      expect(reading.opened[0]!.contentType).toBe(told);
    }
  });
});

describe('an answer without a stream', () => {
  it.each([
    [404, 'source_not_found'],
    [410, 'source_not_found'],
    [401, 'source_refused'],
    [403, 'source_refused'],
    [500, 'source_unavailable'],
    [503, 'source_unavailable'],
    [429, 'source_unavailable'],
    [204, 'source_unavailable'],
    [304, 'source_unavailable'],
    [400, 'source_unavailable'],
  ])('with status %i is %s', async (status, code) => {
    const server = await origin({ '/': (_, response) => response.writeHead(status).end() });
    const error = await read(server.url).failure();
    expect(error).toMatchObject({ code, message: expect.stringContaining(String(status)) });
    await until('the connection to close', () => server.open === 0);
  });

  it.each([
    'text/html; charset=utf-8',
    'application/json',
    'application/xhtml+xml',
    'text/xml',
    'application/vnd.apple.mpegurl',
    'application/x-mpegURL',
    'audio/x-mpegurl',
    'audio/x-scpls',
  ])('of type %s is none, and its endless body is not read', async type => {
    const server = await origin({ '/': endless(STREAM, type) });
    const reading = read(server.url);
    expect(await reading.failure()).toMatchObject({ code: 'source_not_stream' });
    expect(reading.opened).toEqual([]);
    await until('the connection to close', () => server.open === 0);
  });

  it.each([
    '<!DOCTYPE html><html></html>',
    '<html><head></head></html>',
    '\ufeff<?xml version="1.0"?><x/>',
    '#EXTM3U\n#EXTINF:-1,Ünit\nhttp://x/',
    '{"error": "no such stream"}',
    '{}',
    '  \r\n  <html lang="es">',
    '[{"a": 1, "b": 2}]',
  ])('that begins with %j is none, whatever its type', async body => {
    const server = await origin({
      '/': (_, response) => response.writeHead(200, { 'Content-Type': 'video/mp2t' }).end(body),
    });
    const reading = read(server.url);
    expect(await reading.failure()).toMatchObject({ code: 'source_not_stream' });
    expect(reading.opened).toEqual([]);
  });

  it('in a compressed form is none', async () => {
    const server = await origin({
      '/': (_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(STREAM),
    });
    expect(await read(server.url).failure()).toMatchObject({ code: 'source_not_stream' });
  });

  it('is not what a stream that is joined in the middle looks like', async () => {
    const middle = Buffer.concat([Buffer.from('{'), STREAM.subarray(10)]);
    const server = await origin({
      '/': (_, response) => response.writeHead(200, { 'Content-Length': middle.length }).end(middle),
    });
    await read(server.url).done();
  });
});

describe('a bad server', () => {
  it.each([
    ['a header that never ends', `${HEAD}X: `, 'a'.repeat(1 << 16)],
    ['headers that never end', HEAD, `X: ${'a'.repeat(100)}${CRLF}`.repeat(1_000)],
    [
      'heads that never end',
      `HTTP/1.1 103 Early Hints${CRLF}${CRLF}`,
      `HTTP/1.1 103 Early Hints${CRLF}${CRLF}`.repeat(100),
    ],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2', CRLF.repeat(1_000)],
    ['another protocol', `ICY 200 OK${CRLF}`, `icy-name: x${CRLF}`.repeat(100)],
    ['two lengths', `${HEAD}Content-Length: 1${CRLF}Content-Length: 2${CRLF}${CRLF}`, 'x'.repeat(1_000)],
  ])('that sends %s is cut off with a reason', async (_what, beginning, flood) => {
    let sent = 0;
    const server = await raw(socket => {
      socket.write(beginning);
      const more = (): void => {
        while (!socket.destroyed && sent < 64 << 20) {
          sent += flood.length;
          if (!socket.write(flood)) break;
        }
      };
      socket.on('drain', more);
      more();
    });
    expect(await read(server.url).failure()).toMatchObject({ code: 'source_bad_answer' });
    await until('the connection to close', server.closed);
    expect(sent).toBeLessThan(64 << 20);
  });

  it.each([
    ['nothing', ''],
    ['half a head', `HTTP/1.1 200 OK${CRLF}Content-`],
    ['an early head', `HTTP/1.1 103 Early Hints${CRLF}${CRLF}`],
  ])('that sends %s is waited for as long as is allowed', async (_what, beginning) => {
    const server = await raw(socket => void socket.write(beginning));
    const error = await read(server.url, { answerTimeoutMs: SHORT_MS }).failure();
    expect(error).toMatchObject({ code: 'source_stalled' });
    await until('the connection to close', server.closed);
  });

  it('that sends spaces instead of a header is waited for no longer', async () => {
    const server = await raw(socket => {
      socket.write(`${HEAD}X:`);
      const timer = setInterval(() => socket.write(' '.repeat(1_000)), 10);
      socket.on('close', () => clearInterval(timer));
    });
    const error = await read(server.url, { answerTimeoutMs: SHORT_MS }).failure();
    expect(error).toMatchObject({ code: 'source_stalled' });
    await until('the connection to close', server.closed);
  });

  it('that hangs up is unavailable, and so is one that is not there', async () => {
    const server = await raw(socket => socket.destroy());
    for (const url of [server.url, await refusingUrl()])
      expect(await read(url).failure()).toMatchObject({ code: 'source_unavailable' });
  });

  it('with a certificate that nobody trusts is told apart from one that is not there', async () => {
    const server = await origin({ '/': endless(STREAM) }, { tls: SELF_SIGNED });
    expect(await read(server.url).failure()).toMatchObject({ code: 'source_untrusted' });
    expect(server.requests).toEqual([]);
  });

  it('that speaks no TLS where it should is told apart as well', async () => {
    const server = await raw(socket => socket.end(`HTTP/1.1 400 Bad Request${CRLF}${CRLF}`));
    expect(await read(server.url.replace('http:', 'https:')).failure()).toMatchObject({ code: 'source_bad_answer' });
  });

  it('stops nothing from ending with the signal', async () => {
    const server = await raw(() => {});
    const reading = read(server.url);
    await until('nothing', () => true);
    reading.stop();
    await reading.done();
    const before = read(server.url);
    before.stop();
    await before.done();
  });

  it('is let go of even while its name is being resolved', async () => {
    const network: Network = { classify: classOf, resolve: () => new Promise(() => {}) };
    const reading = read('http://tv.example/', { network });
    await new Promise(resolve => setImmediate(resolve));
    reading.stop();
    await reading.done();
  });
});

describe('a request', () => {
  const ok: OriginAnswer = (_, response) =>
    response.writeHead(200, { 'Content-Length': 188 }).end(STREAM.subarray(0, 188));

  it('carries the headers of its source, path and query as they are, and no fragment', async () => {
    const server = await origin({ '*': ok });
    const headers = { 'User-Agent': 'VLC/3', Referer: 'http://page/', 'X-Key': 'k' };
    await read(`${server.url}/a%20b;c?x=1&y=%2F#part`, { headers }).done();
    const [request] = server.requests;
    expect(request!.path).toBe('/a%20b;c?x=1&y=%2F');
    expect(request!.headers).toEqual({
      host: `127.0.0.1:${server.port}`,
      connection: 'close',
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'VLC/3',
      referer: 'http://page/',
      'x-key': 'k',
    });
  });

  it.each([
    ['me:secret', 'me:secret'],
    ['me', 'me:'],
    ['m%40e:se%3Acret', 'm@e:se:cret'],
    ['me:100%', 'me:100%'],
    ['jos%C3%A9:x', 'josé:x'],
  ])('turns the credentials %s of its address into Basic authentication', async (inUrl, pair) => {
    const server = await origin({ '*': ok });
    await read(server.url.replace('//', `//${inUrl}@`)).done();
    expect(server.requests[0]!.headers.authorization).toBe(`Basic ${Buffer.from(pair).toString('base64')}`);
  });

  it.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'javascript:0', 'nonsense', ''])(
    'for %p is refused',
    async url => {
      expect(await read(url).failure()).toMatchObject({ code: 'selector_malformed' });
    },
  );
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('with status %i is followed, and its body not read', async status => {
    const target = await origin({ '/live': endless(STREAM) });
    const server = await origin({ '/': redirect(`${target.url}/live`, status) });
    const reading = read(server.url);
    await reading.some();
    expect(reading.opened).toEqual([{ contentType: 'video/mp2t', host: `127.0.0.1:${target.port}`, redirects: 1 }]);
    expect(reading.body().subarray(0, 188).equals(STREAM.subarray(0, 188))).toBe(true);
    await until('the first connection to close', () => server.open === 0);
    reading.stop();
    await reading.done();
  });

  it('may be relative, and five of them are followed', async () => {
    const server = await origin({
      '/1': redirect('2?x=1'),
      '/2': redirect('/a/3'),
      '/a/3': redirect('./4'),
      '/a/4': redirect('../5#part'),
      '/5': (request, response) => redirect(`//${request.headers.host}/6`)(request, response),
      '/6': endless(STREAM),
    });
    const reading = read(`${server.url}/1`);
    await reading.some();
    reading.stop();
    await reading.done();
    expect(reading.opened[0]!.redirects).toBe(5);
    expect(server.requests.map(({ path }) => path)).toEqual(['/1', '/2?x=1', '/a/3', '/a/4', '/5', '/6']);
  });

  it('that goes in a circle ends after five, with no connection left', async () => {
    const server = await origin({ '*': redirect('/again') });
    expect(await read(server.url).failure()).toMatchObject({
      code: 'source_bad_answer',
      message: expect.stringContaining('more than 5 times'),
    });
    expect(server.requests).toHaveLength(6);
    await until('the connections to close', () => server.open === 0);
  });

  it.each(['ftp://127.0.0.1/x', 'file:///etc/passwd', 'http://', 'http://[', 'data:video/mp2t,x', 'gopher://x/'])(
    'to %p is refused',
    async location => {
      const server = await origin({ '/': redirect(location) });
      expect(await read(server.url).failure()).toMatchObject({ code: 'source_bad_answer' });
    },
  );

  it('without a target is refused', async () => {
    const server = await origin({ '/': (_, response) => response.writeHead(302).end() });
    expect(await read(server.url).failure()).toMatchObject({ code: 'source_bad_answer' });
  });

  it('takes the secrets of a source no further than its own origin', async () => {
    const stranger = await origin({ '/x': redirect('/y'), '/y': endless(STREAM) });
    const server = await origin({ '/': redirect('/same'), '/same': redirect(`${stranger.url}/x`) });
    const headers = { 'User-Agent': 'ua', Cookie: 'secret', 'X-Token': 'secret', Referer: 'http://page/' };
    const reading = read(server.url.replace('//', '//me:secret@'), { headers });
    await reading.some();
    reading.stop();
    await reading.done();
    for (const request of server.requests)
      expect(request.headers).toMatchObject({
        authorization: expect.any(String),
        cookie: 'secret',
        'x-token': 'secret',
      });
    expect(stranger.requests).toHaveLength(2);
    for (const { headers: told } of stranger.requests) {
      expect(JSON.stringify(told)).not.toMatch(/secret|authorization|cookie|token/i);
      expect(told).toMatchObject({ 'user-agent': 'ua', referer: 'http://page/' });
    }
  });

  it('may bring credentials of its own', async () => {
    const stranger = await origin({ '/': endless(STREAM) });
    const server = await origin({ '/': redirect(stranger.url.replace('//', '//they:own@')) });
    const reading = read(server.url);
    await reading.some();
    reading.stop();
    await reading.done();
    expect(stranger.requests[0]!.headers.authorization).toBe(`Basic ${Buffer.from('they:own').toString('base64')}`);
  });

  it('does not stretch the time for an answer', async () => {
    const server = await origin({
      '*': (request, response) => void setTimeout(() => redirect('/next')(request, response), SHORT_MS / 2),
    });
    expect(await read(server.url, { answerTimeoutMs: SHORT_MS }).failure()).toMatchObject({ code: 'source_stalled' });
    expect(server.requests.length).toBeLessThan(4);
  });
});

/** 127.0.0.1 plays the internet; every other address is what it is. */
function staged(names: Record<string, string[]>): Network & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    classify: address => (address === '127.0.0.1' ? 'public' : classOf(address)),
    resolve: async hostname => {
      asked.push(hostname);
      const [now, ...later] = names[hostname]!;
      if (later.length > 0) names[hostname] = later;
      return now!.split(' ').map(address => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
}

describe('a private address', () => {
  it.each(['http://127.0.0.1', 'http://localhost', 'http://2130706433', 'http://[::ffff:127.0.0.1]'])(
    'is refused by default: %s',
    async url => {
      const server = await origin({ '*': endless(STREAM) });
      const error = await read(`${url}:${server.port}/`, { allowPrivate: false }).failure();
      expect(error).toMatchObject({
        code: 'source_not_allowed',
        message: expect.stringContaining('ALLOW_PRIVATE_SOURCES'),
      });
      expect(server.connections).toBe(0);
    },
  );

  it('that a public name turns to between two reads is refused', async () => {
    const inside = await origin({ '*': endless(STREAM) }, { host: '127.0.0.2' });
    const outside = await origin({ '*': endless(STREAM) });
    const network = staged({ 'tv.example': ['127.0.0.1', '127.0.0.2'] });
    const first = read(`http://tv.example:${outside.port}/`, { network, allowPrivate: false });
    await first.some();
    first.stop();
    await first.done();
    const second = read(`http://tv.example:${inside.port}/`, { network, allowPrivate: false });
    expect(await second.failure()).toMatchObject({ code: 'source_not_allowed' });
    expect([inside.connections, network.asked]).toEqual([0, ['tv.example', 'tv.example']]);
  });

  it('is refused over TLS as well, before anything is sent', async () => {
    const server = await origin({ '*': endless(STREAM) }, { tls: SELF_SIGNED });
    for (const host of ['127.0.0.1', 'tv.example']) {
      const network: Network = {
        classify: classOf,
        resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
      };
      const reading = read(`https://${host}:${server.port}/`, { network, allowPrivate: false });
      expect(await reading.failure()).toMatchObject({ code: 'source_not_allowed' });
    }
    expect(server.connections).toBe(0);
  });

  it('that a name has beside a public one is refused before either is tried', async () => {
    const server = await origin({ '*': endless(STREAM) });
    const network = staged({ 'tv.example': ['127.0.0.1 127.0.0.2'] });
    const error = await read(`http://tv.example:${server.port}/`, { network, allowPrivate: false }).failure();
    expect(error).toMatchObject({ code: 'source_not_allowed' });
    expect(server.connections).toBe(0);
  });

  it.each([
    ['by its address', (port: number) => `http://127.0.0.2:${port}/`],
    ['in a disguise', (port: number) => `http://0x7f000002:${port}/`],
    ['by a name', (port: number) => `http://inside.example:${port}/`],
    ['by a name that has just changed', (port: number) => `http://tv.example:${port}/`],
  ])('is refused as the target of a redirect, %s, also where private ones are allowed', async (_how, location) => {
    const inside = await origin({ '*': endless(STREAM) }, { host: '127.0.0.2' });
    const outside = await origin({ '*': redirect(location(inside.port)) });
    for (const allowPrivate of [false, true]) {
      const network = staged({ 'tv.example': ['127.0.0.1', '127.0.0.2'], 'inside.example': ['127.0.0.2'] });
      const reading = read(`http://tv.example:${outside.port}/`, { network, allowPrivate });
      expect(await reading.failure()).toMatchObject({ code: 'source_not_allowed' });
    }
    expect([outside.connections, inside.connections]).toEqual([2, 0]);
  });

  it('may redirect to another one where private ones are allowed, but not to where clouds keep secrets', async () => {
    const target = await origin({ '*': endless(STREAM) }, { host: '127.0.0.2' });
    const server = await origin({ '/ok': redirect(target.url), '/bad': redirect('http://169.254.169.254/latest/') });
    const reading = read(`${server.url}/ok`);
    await reading.some();
    reading.stop();
    await reading.done();
    expect(await read(`${server.url}/bad`).failure()).toMatchObject({ code: 'source_not_allowed' });
  });
});

describe('failures', () => {
  it('tell nothing of an address but what kind of failure it was', async () => {
    const server = await origin({
      '/gone': (_, response) => response.writeHead(404, { 'X-Secret': 'hunter2' }).end('hunter2'),
      '/away': redirect('http://hunter2:hunter2@hunter2.invalid/hunter2?hunter2'),
      '/odd': redirect('hunter2://hunter2'),
      '/page': (_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('hunter2'),
      '/text': (_, response) => response.end('{"hunter2": 1}'),
    });
    const urls = ['/gone', '/away', '/odd', '/page', '/text'].map(path => `${server.url}${path}?token=hunter2`);
    for (const url of [...urls, 'http://hunter2.invalid/', 'hunter2://x', `${await refusingUrl()}/hunter2`]) {
      const error = await read(url.replace('127.', 'me:hunter2@127.')).failure();
      expect(String(error)).toMatch(/^SluiceError: /);
      expect(String(error)).not.toMatch(/hunter2|127\.0/);
    }
  });

  it('of what takes the bytes are not mistaken for failures of the source', async () => {
    const server = await origin({ '/': endless(STREAM) });
    const mistake = new TypeError('ours');
    const reading = new HttpClient(LIMITS).read({ url: server.url, headers: {} }, new AbortController().signal, {
      opened: () => {},
      data: () => {
        throw mistake;
      },
    });
    expect(
      await within(
        'the failure',
        failureOf(() => reading),
      ),
    ).toBe(mistake);
    await until('the connection to close', () => server.open === 0);
  });

  it('leave no descriptor open, however a read ends', async () => {
    const server = await origin({
      '/live': endless(STREAM),
      '/page': endless(STREAM, 'text/html'),
      '/loop': redirect('/loop'),
      '/gone': (_, response) => response.writeHead(404).end(),
      '/silent': () => {},
    });
    const refused = await refusingUrl();
    const round = async (): Promise<void> => {
      const live = read(`${server.url}/live`);
      await live.some();
      live.stop();
      await live.done();
      for (const url of [`${server.url}/page`, `${server.url}/loop`, `${server.url}/gone`, refused])
        await read(url).failure();
      const silent = read(`${server.url}/silent`);
      const asked = server.requests.length;
      await until('the request', () => server.requests.length > asked);
      silent.stop();
      await silent.done();
      await until('the connections to close', () => server.open === 0);
    };
    await round(); // Node opens some descriptors when they are first needed.
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 20; i++) await round();
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });
});
