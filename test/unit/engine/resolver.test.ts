import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EngineClient } from '../../../src/engine/engine-client.ts';
import { type MediaLookup, Resolver } from '../../../src/engine/resolver.ts';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
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
    () => Promise.resolve([client]),
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
      () => Promise.resolve(healthy ? [client] : []),
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

describe('a resolver with several engines', () => {
  /** How long each engine was given, by its place, in the order in which they were asked. */
  let given: [place: number, timeoutMs: number][];

  /** Engines that take some time each and then find the content, or fail. */
  function engines(...outcomes: { takesMs?: number; code?: ErrorCode }[]): void {
    given = [];
    const lookups = outcomes.map(({ takesMs = 0, code }, place): MediaLookup => {
      return {
        mediaInfo: (_, timeoutMs) => {
          given.push([place, timeoutMs]);
          nowMs += Math.min(takesMs, timeoutMs);
          if (takesMs > timeoutMs) return Promise.reject(new SluiceError('engine_silent', 'Silent.'));
          if (code !== undefined) return Promise.reject(new SluiceError(code, 'Failed.'));
          return Promise.resolve({ infohash: HASH, name: undefined });
        },
      };
    });
    resolver = new Resolver(
      () => Promise.resolve(lookups),
      () => nowMs,
    );
  }

  it.each(['engine_unavailable', 'engine_silent', 'engine_bad_answer'] as const)(
    'asks the next one after %s, and keeps its answer',
    async code => {
      engines({ code }, {});
      expect([await resolve(), resolver.cached(SELECTOR)]).toEqual([HASH, HASH]);
      expect(given.map(([place]) => place)).toEqual([0, 1]);
    },
  );

  it.each(['content_not_found', 'engine_refused'] as const)(
    'takes %s for an answer, and asks nobody else',
    async code => {
      engines({ code }, {});
      expect(await resolve()).toBeUndefined();
      expect(given.map(([place]) => place)).toEqual([0]);
    },
  );

  it('shares three seconds between them, so that one that is silent leaves time for the next', async () => {
    engines({ takesMs: 60_000 }, { takesMs: 1_400 });
    expect(await resolve()).toBe(HASH);
    expect(given).toEqual([
      [0, 1_500],
      [1, 1_500],
    ]);
  });

  it('gives the time that a quick failure has left to the others, in whole milliseconds', async () => {
    engines({ takesMs: 0.7, code: 'engine_unavailable' }, { takesMs: 2_900 });
    expect(await resolve()).toBe(HASH);
    expect(given[1]).toEqual([1, 3_000]);
  });

  it('gives each at least a second, and gives up after three in all', async () => {
    engines(...Array.from({ length: 10 }, () => ({ takesMs: 60_000 })));
    const beganMs = nowMs;
    expect(await resolve()).toBeUndefined();
    expect(given).toEqual([
      [0, 1_000],
      [1, 1_000],
      [2, 1_000],
    ]);
    expect(nowMs - beganMs).toBe(3_000);
  });
});
