import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Network } from '../../../src/upstream/address-guard.ts';
import { DocumentClient, type HttpDocument } from '../../../src/upstream/http-document.ts';
import { type OriginAnswer, redirect, ScriptedOrigin } from '../support/scripted-origin.ts';

let answers: Record<string, OriginAnswer>;
let origin: ScriptedOrigin;

beforeEach(async () => {
  answers = {};
  origin = await ScriptedOrigin.start({ '*': (request, response) => answers[request.url!]?.(request, response) });
});

afterEach(() => origin.close());

const limits = { allowPrivate: true, answerTimeoutMs: 200, stallTimeoutMs: 200 };

async function textOf(document: HttpDocument | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of document?.body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function read(url: string, headers: Record<string, string> = {}, client = new DocumentClient(limits)): Promise<string> {
  return client.read({ url, headers }, AbortSignal.timeout(10_000), textOf);
}

describe('a document', () => {
  it('is read with what identifies its state, and nothing stays open', async () => {
    answers['/a'] = (_, response) => response.writeHead(200, { ETag: '"1"', 'Last-Modified': 'then' }).end('hello');
    const found = await new DocumentClient(limits).read(
      { url: `${origin.url}/a`, headers: {} },
      AbortSignal.timeout(10_000),
      async document => [document?.etag, document?.lastModified, await textOf(document)],
    );
    expect(found).toEqual(['"1"', 'then', 'hello']);
    expect(origin.open).toBe(0);
  });

  it('that has not changed is none', async () => {
    answers['/a'] = (_, response) => response.writeHead(304).end();
    const used = await new DocumentClient(limits).read(
      { url: `${origin.url}/a`, headers: {} },
      AbortSignal.timeout(10_000),
      async document => document,
    );
    expect(used).toBeUndefined();
  });

  it('is asked for with its account, which no other server gets', async () => {
    const other = await ScriptedOrigin.start({ '*': (_, response) => response.end('there') });
    answers['/a'] = redirect(`${other.url}/b`);
    const { host } = new URL(origin.url);
    expect(await read(`http://me:secret@${host}/a`, { Cookie: 'c', 'User-Agent': 'test' })).toBe('there');
    expect(origin.requests[0]!.headers).toMatchObject({
      authorization: expect.stringMatching(/^Basic /),
      cookie: 'c',
      'accept-encoding': 'gzip',
    });
    expect(other.requests[0]!.headers).toMatchObject({ 'user-agent': 'test' });
    expect(Object.keys(other.requests[0]!.headers)).not.toEqual(expect.arrayContaining(['authorization']));
    expect(Object.keys(other.requests[0]!.headers)).not.toEqual(expect.arrayContaining(['cookie']));
    await other.close();
  });

  it.each<[what: string, answer: OriginAnswer, code: string]>([
    ['is not there', (_, response) => void response.writeHead(404).end(), 'source_not_found'],
    ['is not for us', (_, response) => void response.writeHead(403).end(), 'source_refused'],
    ['is nowhere', (_, response) => void response.writeHead(302).end(), 'source_bad_answer'],
    ['is a part', (_, response) => void response.writeHead(206).end('x'), 'source_unavailable'],
    ['does not come', () => {}, 'source_stalled'],
    ['stops coming', (_, response) => void response.writeHead(200).write('x'), 'source_stalled'],
    [
      'is cut off',
      (_, response) => void response.writeHead(200, { 'Content-Length': '9' }).write('x', () => response.destroy()),
      'source_ended',
    ],
    ['is behind a circle', redirect('/a'), 'source_bad_answer'],
    ['is at an address of the link', redirect('http://169.254.169.254/'), 'source_not_allowed'],
  ])('that %s is refused with its reason', async (_, answer, code) => {
    answers['/a'] = answer;
    await expect(read(`${origin.url}/a`)).rejects.toMatchObject({ code });
  });

  it('ends with whoever reads it', async () => {
    answers['/a'] = (_, response) => void response.writeHead(200).write('x');
    const stop = new AbortController();
    const reading = new DocumentClient({ ...limits, stallTimeoutMs: 10_000 }).read(
      { url: `${origin.url}/a`, headers: {} },
      stop.signal,
      async document => {
        for await (const _ of document!.body) stop.abort();
      },
    );
    await expect(reading).rejects.toMatchObject({ code: 'source_stalled' });
  });

  it('at a private address is refused where that is wanted, and when a public one redirects there', async () => {
    const strict = new DocumentClient({ ...limits, allowPrivate: false });
    await expect(read(`${origin.url}/a`, {}, strict)).rejects.toMatchObject({ code: 'source_not_allowed' });
    const network: Network = {
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      classify: () => 'public',
    };
    const guarded = new DocumentClient(limits, {
      ...network,
      classify: address => (address === '127.0.0.1' ? 'public' : 'private'),
    });
    answers['/a'] = redirect('http://10.0.0.1/');
    await expect(read(`http://public.example:${origin.port}/a`, {}, guarded)).rejects.toMatchObject({
      code: 'source_not_allowed',
    });
  });
});
