import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Guide } from '../../../src/guide/guide.ts';
import { at, GuideRig, InlineJobs, NOW_S, READING, RecordedEvents } from '../support/guide-rig.ts';
import { until } from '../support/waiting.ts';
import { programmeXml, tv } from '../support/xmltv.ts';
import { AdminRig } from './admin-rig.ts';

let guides: GuideRig;
let guide: Guide;
let admin: AdminRig;
beforeEach(() => {
  guides = new GuideRig();
  const jobs = new InlineJobs();
  guide = new Guide({
    database: guides.database,
    databasePath: guides.file,
    documentsFolder: path.join(guides.folder, 'documents'),
    jobs: { readings: jobs, quick: jobs },
    catalog: guides.events,
    events: new RecordedEvents(),
    configured: [],
    intervalS: 86_400,
    reading: READING,
    now: () => NOW_S,
  });
  admin = new AdminRig({ guide });
});
afterEach(async () => {
  await admin.close();
  await guide.close();
  await guides.close();
});

const PLAIN = tv(programmeXml('a.es', at(0), at(1), 'Now'));

describe('the routes of the guide', () => {
  it('add, read, change and remove a source', async () => {
    const place = guides.write('guide.xml', PLAIN);
    const made = await admin.call('POST', '/api/v1/guide/sources', { json: { place } });
    expect(made).toMatchObject({ status: 201, body: { name: 'guide.xml', enabled: true, channels: null } });
    const one = `/api/v1/guide/sources/${made.body.id}`;
    expect((await admin.call('POST', `${one}/runs`)).status).toBe(202);
    await until('the guide to be read', () => guide.source(made.body.id).channels === 1);
    expect((await admin.call('GET', one)).body).toMatchObject({ channels: 1, programmes: 1, isReading: false });
    const changed = await admin.call('PATCH', one, { json: { name: 'Ours', enabled: false } });
    expect(changed.body).toMatchObject({ name: 'Ours', enabled: false });
    expect((await admin.call('GET', '/api/v1/guide/sources')).body.items).toHaveLength(1);
    expect((await admin.call('DELETE', one)).status).toBe(204);
    expect((await admin.call('GET', one)).status).toBe(404);
  });

  it('refuse a place that is none, and one that is there already', async () => {
    expect(await admin.call('POST', '/api/v1/guide/sources', { json: { place: 'ftp://x' } })).toMatchObject({
      status: 422,
      body: { code: 'catalog_invalid' },
    });
    const json = { place: guides.write('guide.xml', PLAIN) };
    await admin.call('POST', '/api/v1/guide/sources', { json });
    expect(await admin.call('POST', '/api/v1/guide/sources', { json })).toMatchObject({
      status: 409,
      body: { code: 'catalog_conflict' },
    });
  });

  it('show which guide every channel has, and let one be chosen by hand', async () => {
    const { id } = guides.channels.create({ name: 'Something else' });
    const source = guide.createSource({ place: guides.write('guide.xml', PLAIN) });
    await guide.run(source.id);
    const unmatched = await admin.call('GET', '/api/v1/guide/mappings?unmatched=true');
    expect(unmatched.body).toMatchObject({ total: 1, items: [{ channelId: id, mapping: null }] });
    const known = await admin.call('GET', '/api/v1/guide/channels?search=a.es');
    const guideChannelId = known.body.items[0].id as number;
    const chosen = await admin.call('PUT', `/api/v1/guide/mappings/${id}`, { json: { guideChannelId } });
    expect(chosen.body).toMatchObject({ mapping: { how: 'manual', guideChannel: { xmltvId: 'a.es' } } });
    expect((await admin.call('GET', '/api/v1/guide/mappings?unmatched=true')).body.total).toBe(0);
    expect((await admin.call('DELETE', `/api/v1/guide/mappings/${id}`)).status).toBe(204);
    expect((await admin.call('GET', '/api/v1/guide/mappings')).body.items[0].mapping).toBeNull();
    expect((await admin.call('PUT', '/api/v1/guide/mappings/99', { json: { guideChannelId } })).status).toBe(404);
  });
});
