import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Guide, type GuideOptions, guideIdOf } from '../../../src/guide/guide.ts';
import { GuideListings } from '../../../src/guide/guide-listings.ts';
import { at, GuideRig, HOUR_S, InlineJobs, NOW_S, READING, RecordedEvents } from '../support/guide-rig.ts';
import { failureOf, until, within } from '../support/waiting.ts';
import { programmeXml, tv } from '../support/xmltv.ts';

let rig: GuideRig;
let events: RecordedEvents;
let jobs: InlineJobs;
const guides: Guide[] = [];
beforeEach(() => {
  rig = new GuideRig();
  events = new RecordedEvents();
  jobs = new InlineJobs();
});
afterEach(async () => {
  for (const guide of guides.splice(0)) await within('the guide to close', guide.close());
  await within('jobs to be over', jobs.idle());
  expect(events.told.filter(line => line.startsWith('broken'))).toEqual([]);
  expect(rig.leftovers()).toEqual([]);
  await rig.close();
});

function newGuide(options: Partial<GuideOptions> = {}): Guide {
  const guide = new Guide({
    database: rig.database,
    databasePath: rig.file,
    documentsFolder: path.join(rig.folder, 'documents'),
    jobs: { readings: jobs, quick: jobs },
    catalog: rig.events,
    events,
    configured: [],
    intervalS: 86_400,
    reading: READING,
    now: () => NOW_S,
    ...options,
  });
  guides.push(guide);
  return guide;
}

const p = (channel: string, start: number, stop: number, title: string): string =>
  programmeXml(channel, at(start), at(stop), title);
const PLAIN = tv(p('a.es', -1, 0, 'Past'), p('a.es', 0, 1, 'Now'), p('a.es', 1, 2, 'Next'), p('a.es', 3, 4, 'Last'));

describe('sources', () => {
  it('are added, read, changed and removed', async () => {
    const guide = newGuide();
    const place = rig.write('guide.xml', PLAIN);
    const { id, ...source } = guide.createSource({ place });
    expect(source).toEqual({
      name: 'guide.xml',
      place,
      enabled: true,
      intervalS: 86_400,
      configured: false,
      lastRunAt: null,
      problem: null,
      channels: undefined,
      programmes: undefined,
      progress: null,
    });
    expect(await guide.run(id)).toMatchObject({ state: 'done', programmes: 4 });
    expect(guide.source(id)).toMatchObject({ lastRunAt: NOW_S, channels: 1, programmes: 4 });
    expect(guide.totals).toEqual({ programmes: 4, matched: 0 });
    expect(guide.updateSource(id, { name: 'Ours', intervalS: 3600, enabled: false })).toMatchObject({
      name: 'Ours',
      intervalS: 3600,
      enabled: false,
    });
    expect(await guide.run(id)).toEqual({ state: 'unchanged' });
    guide.updateSource(id, { place: rig.write('other.xml', tv(p('b.es', 0, 1, 'B'))) });
    expect(await guide.run(id)).toMatchObject({ state: 'done', added: 1, removed: 4 });
    await guide.removeSource(id);
    expect(guide.sources()).toEqual([]);
    expect(rig.programmes()).toEqual([]);
    expect(events.told).toEqual([
      'guide.xml done',
      '0 matched',
      'Ours unchanged',
      'Ours done',
      '0 matched',
      '0 matched',
    ]);
  });

  it('that can not be read keep what they had, and say why', async () => {
    const guide = newGuide();
    const place = rig.write('guide.xml', PLAIN);
    const { id } = guide.createSource({ place });
    await guide.run(id);
    writeFileSync(place, '<!DOCTYPE html><html>');
    expect(await failureOf(() => guide.run(id))).toMatchObject({ code: 'guide_not_xmltv' });
    expect(guide.source(id)).toMatchObject({
      problem: 'The guide is a web page, perhaps a login or an error.',
      lastRunAt: NOW_S,
      programmes: 4,
    });
    expect(rig.programmes()).toHaveLength(4);
    writeFileSync(place, tv(p('a.es', 0, 1, 'Now')));
    await guide.run(id);
    expect(guide.source(id).problem).toBeNull();
    expect(events.told).toContain('guide.xml guide_not_xmltv');
  });

  it.each([
    [{ place: 'ftp://x/' }, 'catalog_invalid'],
    [{ place: 'relative/path.xml' }, 'catalog_invalid'],
    [{ place: '' }, 'catalog_invalid'],
    [{ place: 'http://x/', name: ' ' }, 'catalog_invalid'],
    [{ place: 'http://x/', name: 'a\nb' }, 'catalog_invalid'],
    [{ place: 'http://x/', intervalS: 1 }, 'catalog_invalid'],
    [{ place: 'http://x/', intervalS: 60.5 }, 'catalog_invalid'],
    [{ place: 'HTTP://known' }, 'catalog_conflict'],
  ])('are refused where they make no sense: %j', async (input, code) => {
    const guide = newGuide();
    guide.createSource({ place: 'http://known/' });
    expect(await failureOf(() => guide.createSource(input))).toMatchObject({ code });
    expect(await failureOf(() => guide.source(99))).toMatchObject({ code: 'catalog_not_found' });
    expect(await failureOf(() => guide.run(99))).toMatchObject({ code: 'catalog_not_found' });
    expect(await failureOf(() => guide.updateSource(99, {}))).toMatchObject({ code: 'catalog_not_found' });
    expect(await failureOf(() => guide.removeSource(99))).toMatchObject({ code: 'catalog_not_found' });
  });

  it('never show credentials', () => {
    const guide = newGuide();
    const { place } = guide.createSource({
      place: 'http://user:pass@tv.example/xmltv.php?username=me&password=s3cret&days=3&token=abc',
    });
    expect(place).toBe('http://***@tv.example/xmltv.php?username=***&password=***&days=3&token=***');
    expect(JSON.stringify(guide.sources())).not.toMatch(/s3cret|pass@|abc/);
  });

  it('of the configuration come and go with it, in its order', async () => {
    const one = rig.write('one.xml', tv(p('News', 0, 1, 'one')));
    const two = rig.write('two.xml', tv(p('News', 0, 1, 'two')));
    const first = newGuide({ configured: [one] });
    const added = first.createSource({ place: two });
    first.start();
    await until('both to be read', () => first.sources().every(({ lastRunAt }) => lastRunAt !== null));
    await first.close();
    guides.length = 0;

    const channel = rig.channels.create({ name: 'News' });
    const second = newGuide({ configured: [one, two], intervalS: 7200 });
    second.start();
    await second.rematch();
    expect(second.sources()).toMatchObject([
      { id: added.id, place: two, configured: true, intervalS: 7200 },
      { place: one, configured: true, intervalS: 7200 },
    ]);
    expect(second.listingsFor(channel.id).map(({ title }) => title)).toEqual(['one']);
    expect(await failureOf(() => second.removeSource(added.id))).toMatchObject({ code: 'catalog_conflict' });
    expect(await failureOf(() => second.updateSource(added.id, { intervalS: 60 }))).toMatchObject({
      code: 'catalog_conflict',
    });
    expect(second.updateSource(added.id, { name: 'Two' })).toMatchObject({ name: 'Two' });
    await second.close();
    guides.length = 0;

    const third = newGuide({ configured: [two] });
    third.start();
    await until('the dropped one to be gone', () => third.sources().length === 1);
    expect(third.sources()).toMatchObject([{ name: 'Two', configured: true }]);
  });

  it('are previewed without leaving anything', async () => {
    const guide = newGuide();
    expect(await guide.preview(rig.write('guide.xml', PLAIN))).toMatchObject({ programmes: 4, skipped: 0 });
    expect(await failureOf(() => guide.preview('nonsense'))).toMatchObject({ code: 'catalog_invalid' });
    expect(guide.sources()).toEqual([]);
  });

  it('are not read twice at once', async () => {
    const guide = newGuide();
    const { id } = guide.createSource({ place: rig.write('guide.xml', PLAIN) });
    const [one, two] = await Promise.all([guide.run(id), guide.run(id)]);
    expect(one).toBe(two);
    expect(events.told.filter(line => line === 'guide.xml done')).toHaveLength(1);
  });

  it('leave no files behind when a reading was killed', () => {
    rig.write('sluice.db.guide-7.tmp', 'left');
    newGuide().start();
    expect(rig.leftovers()).toEqual([]);
  });
});

describe('what is on', () => {
  it('is told for many channels at once', async () => {
    const guide = newGuide();
    const a = rig.channels.create({ name: 'A', guideId: 'A.es' });
    const b = rig.channels.create({ name: 'B', guideId: 'b.es' });
    const c = rig.channels.create({ name: 'Nothing known' });
    const { id } = guide.createSource({
      place: rig.write('guide.xml', tv(PLAIN.match(/<programme.*<\/programme>/s)![0], p('b.es', 5, 6, 'Much later'))),
    });
    await guide.run(id);
    const found = guide.nowNext([a.id, b.id, c.id, 999]);
    expect([...found.keys()].sort()).toEqual([a.id, b.id].sort());
    expect(found.get(a.id)).toMatchObject({ now: { title: 'Now' }, next: { title: 'Next' } });
    expect(found.get(b.id)).toMatchObject({ now: null, next: { title: 'Much later' } });
    expect(guide.nowNext([])).toEqual(new Map());
  });

  it('is listed for one channel, with what is over if wanted', async () => {
    const guide = newGuide();
    const { id: channel } = rig.channels.create({ name: 'A', guideId: 'a.es' });
    const { id } = guide.createSource({ place: rig.write('guide.xml', PLAIN) });
    await guide.run(id);
    const titles = (listings: { title: string }[]): string[] => listings.map(({ title }) => title);
    expect(titles(guide.listingsFor(channel))).toEqual(['Now', 'Next', 'Last']);
    expect(titles(guide.listingsFor(channel, { limit: 2 }))).toEqual(['Now', 'Next']);
    expect(titles(guide.listingsFor(channel, { past: true }))).toEqual(['Past', 'Now', 'Next', 'Last']);
    const window = { fromS: NOW_S + 2.5 * HOUR_S, toS: NOW_S + 3.5 * HOUR_S };
    expect(titles(guide.programmes(channel, window))).toEqual(['Last']);
    expect(titles(guide.programmes(channel, { fromS: NOW_S + HOUR_S, toS: NOW_S + 3 * HOUR_S }))).toEqual(['Next']);
    expect(guide.programmes(999)).toEqual([]);
    expect(guide.listingsFor(channel)[0]).toEqual({
      id: NOW_S / 60,
      guideChannelId: 1,
      startAt: NOW_S,
      stopAt: NOW_S + HOUR_S,
      title: 'Now',
      subtitle: null,
      description: null,
      category: null,
      iconUrl: null,
    });
  });

  it('is found by indexes alone', () => {
    const { connection } = rig.database;
    const statements: string[] = [];
    const recording = {
      prepare: (sql: string) => {
        statements.push(sql);
        return connection.prepare(sql);
      },
    };
    new GuideListings({ connection: recording as unknown as typeof connection });
    const values = { ids: '[1,2]', channelId: 1, fromS: 5, toS: 9, limit: 4 };
    for (const sql of statements) {
      const plan = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(values) as { detail: string }[];
      const steps = plan.map(({ detail }) => detail);
      expect(steps.filter(step => /^SCAN (?!j\b)/.test(step) || /TEMP B-TREE/.test(step))).toEqual([]);
      expect(
        steps.filter(step => /SEARCH [pq] USING PRIMARY KEY \(guide_channel_id=\? AND start_at/.test(step)),
      ).not.toEqual([]);
    }
    expect(statements).toHaveLength(2);
  });
});

describe('mappings', () => {
  it('are listed, searched, chosen by hand and given back', async () => {
    const guide = newGuide();
    const a = rig.channels.create({ name: 'Alpha', guideId: 'a.es' });
    const b = rig.channels.create({ name: '100% Beta' });
    const { id } = guide.createSource({
      place: rig.write('guide.xml', tv(p('a.es', 0, 1, 'A'), p('z.es', 0, 1, 'Z'))),
    });
    await guide.run(id);
    expect(guide.mappings.list()).toMatchObject({
      total: 2,
      items: [
        {
          channelId: a.id,
          name: 'Alpha',
          mapping: { how: 'guide-id', score: 1, guideChannel: { xmltvId: 'a.es', sourceId: id } },
        },
        { channelId: b.id, name: '100% Beta', guideId: null, mapping: null },
      ],
    });
    expect(guide.mappings.list({ unmatched: true }).items.map(({ channelId }) => channelId)).toEqual([b.id]);
    expect(guide.mappings.list({ unmatched: false }).items.map(({ channelId }) => channelId)).toEqual([a.id]);
    expect(guide.mappings.list({ search: '0% b' })).toMatchObject({ total: 1, items: [{ channelId: b.id }] });
    expect(guide.mappings.list({ search: 'A.ES' })).toMatchObject({ total: 1, items: [{ channelId: a.id }] });
    expect(guide.mappings.list({ offset: 1, limit: 1 })).toMatchObject({ total: 2, items: [{ channelId: b.id }] });

    const [chosen] = guide.mappings.guideChannels({ search: 'z.', sourceId: id }).items;
    expect(guide.mappings.set(a.id, chosen!.id)).toMatchObject({
      mapping: { how: 'manual', guideChannel: { xmltvId: 'z.es' } },
    });
    expect(guide.listingsFor(a.id).map(({ title }) => title)).toEqual(['Z']);
    await guide.rematch();
    expect(guide.mappings.get(a.id).mapping?.how).toBe('manual');
    guide.mappings.clear(a.id);
    await guide.rematch();
    expect(guide.mappings.get(a.id)).toMatchObject({ mapping: { how: 'guide-id', guideChannel: { xmltvId: 'a.es' } } });

    expect(await failureOf(() => guide.mappings.set(999, chosen!.id))).toMatchObject({ code: 'catalog_not_found' });
    expect(await failureOf(() => guide.mappings.set(a.id, 999))).toMatchObject({ code: 'catalog_not_found' });
    expect(await failureOf(() => guide.mappings.clear(999))).toMatchObject({ code: 'catalog_not_found' });
  });

  it('follow changes of the catalogue soon', async () => {
    const guide = newGuide();
    const { id } = guide.createSource({ place: rig.write('guide.xml', PLAIN) });
    await guide.run(id);
    const channel = rig.channels.create({ name: 'A', guideId: 'a.es' });
    await until('the new channel to have a guide', () => guide.listingsFor(channel.id).length === 3);
  });

  it('are found in rounds, however many ask', async () => {
    const guide = newGuide();
    const answers = await Promise.all([guide.rematch(), guide.rematch(), guide.rematch(), guide.rematch()]);
    expect(answers).toHaveLength(4);
    expect(events.told).toEqual(['0 matched', '0 matched']);
  });
});

describe('documents', () => {
  async function read(guide: Guide, encoding: 'identity' | 'gzip' = 'identity'): Promise<Buffer> {
    const document = await guide.xmltvFor('all');
    const chunks: Buffer[] = [];
    for await (const chunk of document.open(encoding)) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    expect(bytes.length).toBe(document.bytes[encoding]);
    return bytes;
  }

  it('are written once, and again when something has changed', async () => {
    const guide = newGuide();
    const channel = rig.channels.create({ name: 'A', guideId: 'a.es' });
    const { id } = guide.createSource({ place: rig.write('guide.xml', PLAIN) });
    await guide.run(id);
    const first = await guide.xmltvFor('all');
    expect(first).toMatchObject({
      channels: 1,
      programmes: 4,
      etags: { identity: expect.stringMatching(/^"[\w-]{22}"$/) },
    });
    expect(first.etags.gzip).not.toBe(first.etags.identity);
    expect(await guide.xmltvFor('all')).toBe(first);
    expect(String(await read(guide))).toContain(`<channel id="${guideIdOf(channel)}">`);
    expect((await read(guide, 'gzip')).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));

    await guide.rematch(); // Nothing is different: the document is the same, with its tag and time.
    expect(await guide.xmltvFor('all')).toBe(first);
    rig.channels.update(channel.id, { name: 'Renamed' });
    const second = await guide.xmltvFor('all');
    expect(second.etags.identity).not.toBe(first.etags.identity);
    expect(String(await read(guide))).toContain('Renamed');
    const old = first.open('identity'); // Promised before it was replaced.
    expect(String((await old.toArray())[0])).toContain('>A<');
  });

  it('are shared by those who may see the same channels, and written once when many ask at once', async () => {
    const guide = newGuide();
    const [one, two, three] = await Promise.all([
      guide.xmltvFor({ categoryIds: [1, 2] }),
      guide.xmltvFor({ categoryIds: [2, 1, 2] }),
      guide.xmltvFor({ channelIds: [1, 2] }),
    ]);
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });

  it('are gone with the guide', async () => {
    const guide = newGuide();
    const document = await guide.xmltvFor('all');
    await guide.close();
    await expect(document.open('identity').toArray()).rejects.toThrow(/ENOENT/);
  });
});

describe('a guide that closes', () => {
  it('ends what it reads, and takes no blame for it', async () => {
    const guide = newGuide();
    const { id } = guide.createSource({
      place: rig.write(
        'guide.xml',
        tv(...Array.from({ length: 20_000 }, (_, n) => p(`c${n % 100}`, n / 200, n / 200 + 1, 't'))),
      ),
    });
    const running = failureOf(() => guide.run(id));
    await within('the guide to close', guide.close());
    expect(await within('the reading to end', running)).toMatchObject({ name: 'AbortError' });
    expect(await failureOf(() => guide.rematch())).toMatchObject({ code: 'shutting_down' });
    expect(events.told).toEqual([]);
  });
});
