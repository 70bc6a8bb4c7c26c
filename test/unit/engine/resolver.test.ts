import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EngineClient } from '../../../src/engine/engine-client.ts';
import { Resolver } from '../../../src/engine/resolver.ts';
import { json, ScriptedEngine } from '../support/scripted-engine.ts';
import { until, within } from '../support/waiting.ts';

const HASH = 'a'.repeat(40);
const ID = 'b'.repeat(40);
const SELECTOR = { kind: 'content_id', value: ID } as const;
const FOUND = json({ result: { infohash: HASH } });
const LOST = json({ error: 'failed to load content' });

let server: ScriptedEngine;
let client: EngineClient;
let nowMs: number;
let resolver: Resolver;

beforeEach(async () => {
  server = await ScriptedEngine.start({ '/server/api': FOUND });
  client = new EngineClient(server.url);
  nowMs = 1_000;
  resolver = new Resolver(
    () => Promise.resolve(client),
    () => nowMs,
  );
});
afterEach(async () => {
  await client.destroy();
  await server.close();
});

const resolve = (selector: Parameters<Resolver['resolve']>[0] = SELECTOR) =>
  within('resolve', resolver.resolve(selector));

describe('the resolver', () => {
  it('asks the engine once for what it then knows for ten minutes', async () => {
    expect(resolver.cached(SELECTOR)).toBeUndefined();
    expect(await resolve()).toBe(HASH);
    nowMs += 10 * 60_000 - 1;
    expect([await resolve(), resolver.cached(SELECTOR)]).toEqual([HASH, HASH]);
    expect(server.requests).toHaveLength(1);
    nowMs += 1;
    expect(resolver.cached(SELECTOR)).toBeUndefined();
    expect(await resolve()).toBe(HASH);
    expect(server.requests).toHaveLength(2);
  });

  it('asks nobody about an infohash', async () => {
    const selector = { kind: 'infohash', value: HASH } as const;
    expect([await resolve(selector), resolver.cached(selector)]).toEqual([HASH, HASH]);
    expect(server.requests).toHaveLength(0);
  });

  it('asks once for many who want to know at the same time', async () => {
    let answer: () => void = () => {};
    server.answers['/server/api'] = (request, response) => {
      answer = () => FOUND(request, response);
    };
    const all = Array.from({ length: 10 }, () => resolver.resolve(SELECTOR));
    await until('the question arrives', () => server.requests.length > 0);
    all.push(resolver.resolve(SELECTOR));
    answer();
    expect(await within('all answers', Promise.all(all))).toEqual(Array(11).fill(HASH));
    expect(server.requests).toHaveLength(1);
  });

  it('keeps contents and kinds of selectors apart', async () => {
    await resolve();
    expect(resolver.cached({ kind: 'magnet', value: ID })).toBeUndefined();
    await resolve({ kind: 'content_id', value: 'c'.repeat(40) });
    expect(server.requests).toHaveLength(2);
  });

  it('remembers for half a minute that nobody could tell', async () => {
    server.answers['/server/api'] = LOST;
    expect(await resolve()).toBeUndefined();
    server.answers['/server/api'] = FOUND;
    nowMs += 29_999;
    expect(await resolve()).toBeUndefined();
    expect(server.requests).toHaveLength(1);
    nowMs += 1;
    expect(await resolve()).toBe(HASH);
  });

  it('never fails, whatever the engine does', async () => {
    for (const answer of [json({}), json('x', 500)]) {
      server.answers['/server/api'] = answer;
      expect(await resolve()).toBeUndefined();
      nowMs += 60_000;
    }
    server.answers['/server/api'] = (_, response) => response.destroy();
    expect(await resolve()).toBeUndefined();
  });

  it('knows nothing while no engine is healthy, and asks as soon as one is', async () => {
    let healthy = false;
    resolver = new Resolver(
      () => Promise.resolve(healthy ? client : undefined),
      () => nowMs,
    );
    expect(await resolve()).toBeUndefined();
    healthy = true;
    expect(await resolve()).toBe(HASH);
  });

  it('replaces an old failure by a new answer', async () => {
    server.answers['/server/api'] = LOST;
    await resolve();
    nowMs += 30_000;
    server.answers['/server/api'] = FOUND;
    await resolve();
    nowMs += 60_000;
    expect(resolver.cached(SELECTOR)).toBe(HASH);
  });
});
