import { request } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChannelSeed, queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

const CHANNELS = 50_000;
const CATEGORIES = 200;
/** Far above what is measured (about 20 ms), and far below what a list written in the front would take. */
const STALL_BOUND_MS = 250;
const HALF = { username: 'half', password: 'longenough' };

function* channels(): Generator<ChannelSeed> {
  for (let i = 0; i < CHANNELS; i++)
    yield {
      id: 1000 + i,
      name: `Channel ${i} HD España`,
      categoryId: 1 + (i % CATEGORIES),
      guideId: `channel${i}.example`,
      logoUrl: `http://logos.example/${i}.png`,
    };
}

let gateway: XtreamGateway;
beforeAll(async () => {
  const categories = Array.from({ length: CATEGORIES }, (_, i) => ({ id: i + 1, name: `Group ${i}` }));
  gateway = await startXtream({ categories, channels: channels(), programmes: [] });
  const odd = categories.map(({ id }) => id).filter(id => id % 2 === 1);
  await gateway.gateway.accounts.create({ ...HALF, categoryIds: odd });
});
afterAll(() => gateway.close());

/** Reads an answer as bytes: parsing fifteen megabytes here would hold up the gateway, which shares this thread. */
function read(path: string, gzip = false): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = gzip ? { 'Accept-Encoding': 'gzip' } : {};
    const outgoing = request(gateway.url + path, { agent: false, headers }, async answer => {
      resolve(Buffer.concat(await answer.toArray()));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/**
 * The longest time the thread was held up while something was done. Least of three times, each after a change of the
 * catalogue: what the gateway costs comes every time, what the test's own garbage costs does not.
 */
async function stallOf<T>(work: () => Promise<T>): Promise<{ result: T; stallMs: number }> {
  let stallMs = Number.POSITIVE_INFINITY;
  let result: T;
  for (let attempt = 0; attempt < 3; attempt++) {
    gateway.gateway.channels.update(1001, { name: `Attempt ${attempt}` });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    result = await work();
    await new Promise(resolve => setTimeout(resolve, 5));
    delay.disable();
    stallMs = Math.min(stallMs, delay.max / 1e6);
  }
  return { result: result!, stallMs };
}

const idsOf = (json: Buffer): number[] =>
  (JSON.parse(json.toString('utf8')) as { stream_id: number }[]).map(({ stream_id }) => stream_id);

describe('a catalogue of 50 000 channels', () => {
  const list = `/player_api.php?${queryOf()}&action=get_live_streams`;

  it('is listed whole, and the front goes on with other things', async () => {
    const { result, stallMs } = await stallOf(() => read(list));
    expect(stallMs).toBeLessThan(STALL_BOUND_MS);
    const ids = idsOf(result);
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([CHANNELS, 1000, 1000 + CHANNELS - 1]);
    const { result: compressed, stallMs: again } = await stallOf(() => read(list, true));
    expect(again).toBeLessThan(STALL_BOUND_MS);
    expect(gunzipSync(compressed).equals(result)).toBe(true);
  });

  it('is cut to what an account may see, also for a category that it wants', async () => {
    const { result, stallMs } = await stallOf(() => read(`/player_api.php?${queryOf(HALF)}&action=get_live_streams`));
    expect(stallMs).toBeLessThan(STALL_BOUND_MS);
    expect(idsOf(result)).toHaveLength(CHANNELS / 2);
    const one = await read(`/player_api.php?${queryOf(HALF)}&action=get_live_streams&category_id=7`);
    expect(idsOf(one)).toHaveLength(CHANNELS / CATEGORIES);
  });

  it('makes a playlist that is written while it is sent', async () => {
    const { result, stallMs } = await stallOf(() => read(`/get.php?${queryOf()}&output=ts`));
    expect(stallMs).toBeLessThan(STALL_BOUND_MS);
    expect(result.toString('utf8').match(/\/\d+\.ts\r\n/g)).toHaveLength(CHANNELS);
    const compressed = await read(`/get.php?${queryOf()}&output=ts`, true);
    expect(gunzipSync(compressed).equals(result)).toBe(true);
  });

  it('is listed anew after a change, while who asks for something else is answered at once', async () => {
    gateway.gateway.channels.update(1000, { name: 'Renamed' });
    const { result, stallMs } = await stallOf(async () => {
      const changed = read(list);
      for (let i = 0; i < 20; i++) await gateway.player();
      return changed;
    });
    expect(stallMs).toBeLessThan(STALL_BOUND_MS);
    expect(result.includes('"Renamed"')).toBe(true);
    expect(result.includes('"Attempt 2"')).toBe(true);
  });

  it('does not stay in memory for players that leave half-way', async () => {
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(`${gateway.url}/get.php?${queryOf()}`, { agent: false }, answer => {
        answer.once('data', () => {
          answer.destroy();
          resolve();
        });
        answer.on('error', () => {});
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
    expect(await gateway.playerJson()).toMatchObject({ user_info: { auth: 1 } });
    expect(gateway.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });
});
