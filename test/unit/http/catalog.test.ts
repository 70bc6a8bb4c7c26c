import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../helpers/until.ts';
import { AdminRig } from './admin-rig.ts';

const HASH = 'd0c0000000000000000000000000000000000001';

let rig: AdminRig;
beforeEach(() => {
  rig = new AdminRig();
});
afterEach(() => rig.close());

const make = (json: object) => rig.call('POST', '/api/v1/channels', { json });
const names = async (query = ''): Promise<string[]> =>
  (await rig.call('GET', `/api/v1/channels${query}`)).body.items.map(({ name }: { name: string }) => name);

describe('the routes of channels', () => {
  it('add a channel whose sources are given in any spelling, and show them taken apart', async () => {
    const sources = [{ address: `acestream://${HASH}` }, { address: 'http://origin.test/a.ts', enabled: false }];
    const { status, body, headers } = await make({ name: 'One', number: 7, sources });
    expect([status, headers.get('etag')]).toEqual([201, '"v1"']);
    expect(body.sources).toMatchObject([
      { rank: 0, enabled: true, spec: { kind: 'engine', selector: { kind: 'content_id', value: HASH } } },
      { rank: 1, enabled: false, spec: { kind: 'http', url: 'http://origin.test/a.ts' } },
    ]);
    const specs = body.sources.map(({ spec }: { spec: object }) => ({ spec })).reverse();
    const path = `/api/v1/channels/${body.id}/sources`;
    const replaced = await rig.call('PUT', path, { json: { sources: specs }, headers: { 'if-match': '"v1"' } });
    expect(replaced.body.sources).toMatchObject(specs);
    expect(await rig.call('PUT', path, { json: { sources: [] }, headers: { 'if-match': '"v1"' } })).toMatchObject({
      status: 412,
    });
  });

  it('name the source that can not be read', async () => {
    const sources = [{ address: HASH }, { address: 'rtmp://origin.test/x' }];
    expect(await make({ name: 'One', sources })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'body.sources.1.address' }] },
    });
    expect(await names()).toEqual([]);
  });

  it('find by name, category and whether viewers get them, in pages', async () => {
    const { id } = rig.categories.create({ name: 'News' });
    await make({ name: 'Alpha', categoryId: id });
    await make({ name: 'Beta', enabled: false });
    await make({ name: 'Gamma 100%' });
    expect(await names('?search=100%25')).toEqual(['Gamma 100%']);
    expect(await names(`?categoryId=${id}`)).toEqual(['Alpha']);
    expect(await names('?enabled=false')).toEqual(['Beta']);
    expect(await names('?offset=1&limit=1')).toEqual(['Beta']);
  });

  it('change, move and remove, each only what somebody saw', async () => {
    const made = [await make({ name: 'A' }), await make({ name: 'B' }), await make({ name: 'C' })];
    const path = `/api/v1/channels/${made[2]!.body.id}`;
    expect(await rig.call('PUT', `${path}/position`, { json: { position: 0 } })).toMatchObject({ status: 200 });
    expect(await names()).toEqual(['C', 'A', 'B']);
    const stale = { 'if-match': '"v1"' };
    expect(await rig.call('PATCH', path, { json: { name: 'D' }, headers: stale })).toMatchObject({ status: 412 });
    expect(await rig.call('DELETE', path, { headers: stale })).toMatchObject({ status: 412 });
    const changed = await rig.call('PATCH', path, {
      json: { name: 'D', number: null },
      headers: { 'if-match': '"v2"' },
    });
    expect(changed).toMatchObject({
      status: 200,
      body: { name: 'D', version: 3, edited: expect.arrayContaining(['name']) },
    });
    expect(await rig.call('DELETE', path)).toMatchObject({ status: 204 });
    expect(await rig.call('GET', path)).toMatchObject({ status: 404, body: { code: 'catalog_not_found' } });
  });

  it('change and remove many at once', async () => {
    const ids = [(await make({ name: 'A' })).body.id, (await make({ name: 'B' })).body.id] as number[];
    const bulk = (json: object) => rig.call('POST', '/api/v1/channels/bulk', { json });
    expect(await bulk({ ids, enabled: false })).toMatchObject({ status: 200, body: { channels: 2 } });
    expect(await names('?enabled=false')).toEqual(['A', 'B']);
    expect(await bulk({ ids, categoryId: 99 })).toMatchObject({ status: 422, body: { code: 'catalog_invalid' } });
    expect(await bulk({ ids, enabled: true, delete: true })).toMatchObject({ status: 422 });
    expect(await bulk({ ids: [ids[0]], delete: true })).toMatchObject({ body: { channels: 1 } });
    expect(await names()).toEqual(['B']);
  });
});

describe('the routes of categories', () => {
  it('add, rename, move, count and remove', async () => {
    const news = await rig.call('POST', '/api/v1/categories', { json: { name: 'News' } });
    const sport = await rig.call('POST', '/api/v1/categories', { json: { name: 'Sport' } });
    expect(news).toMatchObject({ status: 201, body: { position: 0, channels: { total: 0 } } });
    await make({ name: 'A', categoryId: news.body.id });
    const path = `/api/v1/categories/${news.body.id}`;
    expect(await rig.call('PATCH', path, { json: { name: 'Nouvelles', position: 1 } })).toMatchObject({
      status: 200,
      body: { name: 'Nouvelles', position: 1, channels: { enabled: 1, total: 1 } },
    });
    expect(await rig.call('DELETE', path)).toMatchObject({ status: 409, body: { code: 'category_in_use' } });
    expect(await rig.call('DELETE', `${path}?moveTo=${sport.body.id}`)).toMatchObject({ status: 204 });
    expect((await rig.call('GET', '/api/v1/categories')).body.items).toMatchObject([
      { name: 'Sport', channels: { total: 1 } },
    ]);
  });
});

describe('the routes of imports', () => {
  const add = (json: object = {}) =>
    rig.call('POST', '/api/v1/imports', { json: { url: 'http://lists.test/a.m3u', enabled: false, ...json } });

  it('start a run without waiting for its end, tell how far it is, and what came of it', async () => {
    const { body } = await add();
    const path = `/api/v1/imports/${body.id}`;
    let end: (answer: unknown) => void = () => {};
    rig.job = (_, __, { onProgress }) => {
      onProgress?.({ phase: 'reading', entries: 12, bytes: 3_400 });
      return new Promise(resolve => {
        end = resolve as typeof end;
      });
    };
    const run = await rig.call('POST', `${path}/runs`);
    expect(run).toMatchObject({ status: 202, body: { state: 'running', finishedAt: null } });
    expect((await rig.call('POST', `${path}/runs`)).body.id).toBe(run.body.id);
    expect((await rig.call('GET', path)).body.progress).toEqual({ phase: 'reading', entries: 12, bytes: 3_400 });
    end({ state: 'failed', problem: { code: 'list_unusable', message: 'The list has no channel in it.' } });
    await until('the run to end', async () => (await rig.call('GET', path)).body.progress === null);
    expect((await rig.call('GET', `${path}/runs`)).body.items).toMatchObject([
      { state: 'failed', problem: 'The list has no channel in it.' },
    ]);
  });

  it('preview what a run would change, and say why a list can not be used', async () => {
    const { body } = await add();
    rig.job = () =>
      Promise.resolve({ state: 'failed', problem: { code: 'list_unusable', message: 'It is a page.' } } as never);
    expect(await rig.call('POST', `/api/v1/imports/${body.id}/preview`)).toMatchObject({
      status: 502,
      body: { code: 'list_unusable', detail: 'It is a page.' },
    });
  });

  it('never show the secrets of an address', async () => {
    const server = { kind: 'xtream', url: 'http://server.test/', username: 'alice', password: 'hunter2' };
    const made = await add(server);
    expect(made).toMatchObject({ status: 201, body: { kind: 'xtream' } });
    expect(JSON.stringify((await rig.call('GET', '/api/v1/imports')).body)).not.toContain('hunter2');
    expect(await add(server)).toMatchObject({ status: 409, body: { code: 'catalog_conflict' } });
  });

  it('change and remove', async () => {
    const { body } = await add();
    const path = `/api/v1/imports/${body.id}`;
    expect(await rig.call('PATCH', path, { json: { name: 'List', intervalS: 3_600 } })).toMatchObject({
      body: { name: 'List', intervalS: 3_600 },
    });
    expect(await rig.call('POST', `${path}/restore-deleted`)).toMatchObject({ status: 204 });
    expect(await rig.call('DELETE', `${path}?keepChannels=true`)).toMatchObject({ status: 204 });
    expect(await rig.call('GET', path)).toMatchObject({ status: 404 });
  });
});

describe('the route of settings', () => {
  it('shows what holds and where it was said', async () => {
    const { items } = (await rig.call('GET', '/api/v1/settings')).body;
    expect(items.find(({ key }: { key: string }) => key === 'MAX_STREAMS')).toMatchObject({
      value: '7',
      source: 'environment',
    });
  });
});
