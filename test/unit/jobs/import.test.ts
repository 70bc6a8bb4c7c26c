import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Channel } from '../../../src/catalog/channel.ts';
import { ImportRig } from '../support/import-rig.ts';

const hash = (digit: string): string => digit.repeat(40);

interface Line {
  name: string;
  group?: string;
  id?: string;
  urls: string[];
  logo?: string;
}

const list = (...lines: Line[]): string =>
  `#EXTM3U url-tvg="http://g/a.xml"\n${lines
    .flatMap(({ name, group = '', id = '', logo = '', urls }) =>
      urls.map(url => `#EXTINF:-1 tvg-id="${id}" group-title="${group}" tvg-logo="${logo}",${name}\n${url}`),
    )
    .join('\n')}`;

let rig: ImportRig;
let importId: number;

beforeEach(() => {
  rig = new ImportRig();
  importId = rig.store.create({ url: 'list.m3u' }).id;
});

afterEach(() => rig.close());

async function read(...lines: Line[]) {
  rig.write('list.m3u', list(...lines));
  const answer = await rig.read(importId);
  if (answer.state !== 'done') throw new Error(JSON.stringify(answer));
  const { added, changed, removed } = answer;
  return { added, changed, removed };
}

const byName = (name: string): Channel => rig.all().find(channel => channel.name === name)!;
const addresses = ({ sources }: Channel): string[] =>
  sources.map(({ spec }) => (spec.kind === 'engine' ? spec.selector.value : spec.url));

const ONE: Line = { name: 'One', group: 'News', id: 'one.tv', urls: ['http://a/1'] };
const TWO: Line = { name: 'Two', group: 'Music', urls: [`acestream://${hash('a')}`, 'http://a/2'] };

describe('reading a list', () => {
  it('brings channels in its order, with categories and alternates', async () => {
    expect(await read(ONE, TWO, ONE)).toEqual({ added: 2, changed: 0, removed: 0 });
    expect(rig.categories.list().map(({ name }) => name)).toEqual(['News', 'Music']);
    expect(rig.all().map(({ name }) => name)).toEqual(['One', 'Two']);
    expect(addresses(byName('Two'))).toEqual([hash('a'), 'http://a/2']);
    expect(byName('One')).toMatchObject({ guideId: 'one.tv', importId, edited: [], enabled: true, version: 1 });
    expect(rig.store.get(importId).guideUrls).toEqual(['http://g/a.xml']);
    expect(rig.store.runs(importId, 1)).toMatchObject([{ state: 'done', added: 2, changed: 0, removed: 0 }]);
  });

  it('changes nothing when nothing has changed', async () => {
    await read(ONE, TWO);
    const before = rig.all();
    expect(await read(ONE, TWO)).toEqual({ added: 0, changed: 0, removed: 0 });
    expect(rig.all()).toEqual(before);
  });

  it('takes changes over, and keeps ids and sources that stay', async () => {
    await read(ONE, TWO);
    const [one, two] = [byName('One'), byName('Two')];
    const changes = await read(
      { ...ONE, logo: 'http://l/1.png' },
      { ...TWO, urls: ['http://a/2', 'http://a/3'] },
      { name: 'Three', urls: ['http://a/4'] },
    );
    expect(changes).toEqual({ added: 1, changed: 2, removed: 0 });
    expect(byName('One')).toMatchObject({ id: one.id, logoUrl: 'http://l/1.png', version: 2 });
    expect(byName('Two').id).toBe(two.id);
    expect(addresses(byName('Two'))).toEqual(['http://a/2', 'http://a/3']);
    expect(byName('Two').sources[0]!.id).toBe(two.sources[1]!.id);
    expect(rig.categories.get(byName('Three').categoryId).name).toBe('Uncategorized');
  });

  it('disables what vanishes, and enables it under its old id when it is back', async () => {
    await read(ONE, TWO);
    const { id } = byName('Two');
    expect(await read(ONE)).toEqual({ added: 0, changed: 0, removed: 1 });
    expect(rig.channels.get(id)).toMatchObject({ enabled: false, missing: true });
    expect(await read(ONE)).toEqual({ added: 0, changed: 0, removed: 0 });
    expect(await read(ONE, TWO)).toEqual({ added: 0, changed: 1, removed: 0 });
    expect(rig.channels.get(id)).toMatchObject({ enabled: true, missing: false });
  });

  it('removes what has been missing for a month, unless somebody edited it', async () => {
    const edited: Line = { name: 'Edited', urls: ['http://a/9'] };
    await read(ONE, TWO, edited);
    rig.channels.update(byName('Edited').id, { number: 3 });
    await read(ONE);
    rig.database.connection.exec('UPDATE channels SET updated_at = unixepoch() - 31 * 86400');
    await read(ONE);
    expect(rig.all().map(({ name }) => name)).toEqual(['One', 'Edited']);
  });
});

describe('a channel is known again', () => {
  it.each<[how: string, before: Line[], after: Line[]]>([
    [
      'by its guide id, when name and group change',
      [ONE],
      [{ ...ONE, name: 'First', group: 'Other', urls: ['http://b/1'] }],
    ],
    ['by an address, when the name changes', [TWO], [{ ...TWO, name: 'Second' }]],
    ['by its name, when group and addresses change', [TWO], [{ ...TWO, group: 'Other', urls: ['http://b/2'] }]],
    ['whatever remark is behind its name', [{ ...ONE, name: 'One (1)' }], [{ ...ONE, name: 'One --> PROVIDER' }]],
  ])('%s', async (_, before, after) => {
    await read(...before);
    const { id } = rig.all()[0]!;
    expect(await read(...after)).toEqual({ added: 0, changed: 1, removed: 0 });
    expect(rig.all().map(channel => [channel.id, channel.name])).toEqual([[id, after[0]!.name]]);
    expect(await read(...after)).toEqual({ added: 0, changed: 0, removed: 0 });
  });

  it('only where it is unmistakable', async () => {
    const variants = ['HD', 'SD'].map(quality => ({ ...ONE, name: `One ${quality}`, urls: [`http://a/${quality}`] }));
    await read(...variants);
    expect(rig.all()).toHaveLength(2);
    const uhd = { ...ONE, name: 'One UHD', urls: ['http://a/UHD'] };
    expect(await read(variants[0]!, uhd)).toEqual({ added: 1, changed: 0, removed: 1 });
    expect(rig.all().map(({ name, enabled }) => [name, enabled])).toEqual([
      ['One HD', true],
      ['One SD', false],
      ['One UHD', true],
    ]);
  });

  it('is one with its mirrors, and not with its other qualities or what has the same guide id', async () => {
    const mirrors = ['DAZN 1 FHD --> ELCANO', 'DAZN 1 FHD --> NEW ERA', 'DAZN 1 FHD [2]', 'DAZN 1 HD'];
    await read(...mirrors.map((name, n) => ({ name, id: 'dazn1.es', group: 'Sport', urls: [`http://a/${n}`] })));
    expect(rig.all().map(channel => [channel.name, addresses(channel)])).toEqual([
      [mirrors[0], ['http://a/0', 'http://a/1', 'http://a/2']],
      [mirrors[3], ['http://a/3']],
    ]);
  });
});

describe('what was edited by hand survives', () => {
  it('field by field', async () => {
    await read(ONE, TWO);
    const { id } = byName('One');
    const mine = rig.categories.create({ name: 'Mine' }).id;
    rig.channels.update(id, { name: 'My one', categoryId: mine, number: 1, guideId: null, enabled: false });
    expect(await read({ ...ONE, logo: 'http://l/new.png' }, TWO)).toEqual({ added: 0, changed: 1, removed: 0 });
    expect(rig.channels.get(id)).toMatchObject({
      name: 'My one',
      categoryId: mine,
      number: 1,
      guideId: null,
      enabled: false,
      missing: false,
      logoUrl: 'http://l/new.png',
    });
    expect(await read(TWO)).toEqual({ added: 0, changed: 0, removed: 0 });
  });

  it('with its place, which no import changes', async () => {
    await read(ONE, TWO);
    rig.channels.move(byName('Two').id, 0);
    await read(ONE, TWO, { name: 'Three', urls: ['http://a/3'] });
    expect(rig.all().map(({ name }) => name)).toEqual(['Two', 'One', 'Three']);
  });

  it('for sources: those added stay beside those of the list; a whole order that was set stays as it is', async () => {
    await read(ONE, TWO);
    const [one, two] = [byName('One').id, byName('Two').id];
    rig.channels.addSource(one, { spec: { kind: 'http', url: 'http://mine/', headers: {} } });
    rig.channels.setSources(two, [{ spec: { kind: 'http', url: 'http://mine/', headers: {} } }]);
    expect(await read({ ...ONE, urls: ['http://b/1', 'http://b/2'] }, TWO)).toMatchObject({ changed: 1 });
    expect(addresses(rig.channels.get(one)!)).toEqual(['http://b/1', 'http://b/2', 'http://mine/']);
    expect(addresses(rig.channels.get(two)!)).toEqual(['http://mine/']);
    // The list has come to bring what was added.
    await read({ ...ONE, urls: ['http://mine/', 'http://b/2'] }, TWO);
    expect(addresses(rig.channels.get(one)!)).toEqual(['http://mine/', 'http://b/2']);
    expect(await read({ ...ONE, urls: ['http://mine/', 'http://b/2'] }, TWO)).toMatchObject({ changed: 0 });
  });

  it('for a source that was disabled', async () => {
    await read(TWO);
    const { id, sources } = byName('Two');
    rig.database.connection.prepare('UPDATE sources SET enabled = 0 WHERE id = ?').run(sources[0]!.id);
    await read({ ...TWO, urls: [...TWO.urls, 'http://a/3'] });
    expect(rig.channels.get(id)!.sources.map(({ enabled }) => enabled)).toEqual([false, true, true]);
  });

  it('for a category that was renamed, or emptied into another', async () => {
    await read(ONE, TWO);
    const news = byName('One').categoryId;
    rig.categories.update(news, { name: 'Noticias' });
    rig.categories.remove(byName('Two').categoryId, news);
    expect(await read(ONE, TWO, { ...ONE, name: 'Uno', id: '' })).toEqual({ added: 1, changed: 0, removed: 0 });
    expect(rig.categories.list().map(({ name }) => name)).toEqual(['Noticias']);
  });

  it('for a channel that was deleted, until that is taken back', async () => {
    await read(ONE, TWO);
    rig.channels.remove(byName('Two').id);
    expect(await read(ONE, TWO)).toEqual({ added: 0, changed: 0, removed: 0 });
    rig.store.forgetOmissions(importId);
    expect(await read(ONE, TWO)).toEqual({ added: 1, changed: 0, removed: 0 });
  });
});

describe('a preview', () => {
  it('says what would change, and changes nothing', async () => {
    await read(ONE, TWO);
    const file = () => readFileSync(rig.databasePath).toString('latin1');
    rig.database.connection.pragma('wal_checkpoint(TRUNCATE)');
    const [before, bytes] = [rig.all(), file()];
    rig.write(
      'list.m3u',
      list({ ...ONE, logo: 'http://l/1.png' }, { name: 'New', group: 'Neu', urls: ['http://a/7'] }),
    );
    const answer = await rig.read(importId, { apply: false });
    expect(answer).toMatchObject({
      state: 'done',
      added: 1,
      changed: 1,
      removed: 1,
      entries: 2,
      samples: {
        added: [{ name: 'New', category: 'Neu' }],
        changed: [{ id: before[0]!.id, name: 'One', fields: ['logo_url'] }],
        removed: [{ id: before[1]!.id, name: 'Two' }],
      },
    });
    expect(rig.all()).toEqual(before);
    expect(file() === bytes).toBe(true);
    expect(rig.store.runs(importId, 5)).toHaveLength(1);
  });
});

describe('two imports', () => {
  it('keep their channels apart', async () => {
    await read(ONE);
    const other = rig.store.create({ url: 'file:other.m3u'.replace('file:', '') }).id;
    rig.write('other.m3u', list({ ...ONE, urls: ['http://other/1'] }));
    expect(await rig.read(other)).toMatchObject({ added: 1, removed: 0 });
    expect(await read(TWO)).toEqual({ added: 1, changed: 0, removed: 1 });
    expect(rig.all().filter(({ enabled }) => enabled)).toHaveLength(2);
  });
});

describe('a list that can not be used changes nothing', () => {
  it.each<[what: string, content: string | Buffer, code: string]>([
    ['a page', '<html>maintenance</html>', 'list_unusable'],
    ['JSON', '{"error":"no"}', 'list_unusable'],
    ['empty', '', 'list_unusable'],
    ['without a channel', '#EXTM3U\n#EXTINF:-1,One\nrtmp://a/1\n', 'list_unusable'],
    ['gzip that was cut off', gzipSync(list(ONE).repeat(1000)).subarray(0, -20), 'list_unusable'],
    ['packed three times', gzipSync(gzipSync(gzipSync(list(ONE)))), 'list_unusable'],
  ])('%s', async (_, content, code) => {
    await read(ONE, TWO);
    const before = rig.all();
    rig.write('list.m3u', content);
    expect(await rig.read(importId)).toMatchObject({ state: 'failed', problem: { code } });
    expect(rig.all()).toEqual(before);
  });

  it.each([
    ['a file that is not there', 'none.m3u', 'source_not_found'],
    ['a file outside of the data directory', '../../../../etc/passwd', 'source_not_allowed'],
    ['a file named by its address', 'file:///etc/passwd', 'source_not_allowed'],
    ['a directory', 'folder/..//folder', 'source_not_found'],
  ])('%s', async (_, url, code) => {
    const { id } = rig.store.create({ url });
    expect(await rig.read(id)).toMatchObject({ state: 'failed', problem: { code } });
  });

  it('and one that is packed twice is read', async () => {
    rig.write('list.m3u', gzipSync(gzipSync(list(ONE, TWO))));
    expect(await rig.read(importId)).toMatchObject({ state: 'done', added: 2 });
  });
});
