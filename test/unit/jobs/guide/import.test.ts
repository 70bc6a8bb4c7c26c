import { execFileSync } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { at, GuideRig, HOUR_S, NOW_S, READING } from '../../support/guide-rig.ts';
import { type OriginAnswer, ScriptedOrigin } from '../../support/scripted-origin.ts';
import { failureOf } from '../../support/waiting.ts';
import { programmeXml, tv } from '../../support/xmltv.ts';

let rig: GuideRig;
const origins: ScriptedOrigin[] = [];
beforeEach(() => {
  rig = new GuideRig();
});
afterEach(async () => {
  expect(rig.leftovers()).toEqual([]);
  for (const origin of origins.splice(0)) await origin.close();
  await rig.close();
});

const p = (channel: string, start: number, stop: number | undefined, title: string): string =>
  programmeXml(channel, at(start), stop === undefined ? undefined : at(stop), title);
const CHANNEL = '<channel id="a"><display-name>A</display-name></channel>';
const PLAIN = tv(CHANNEL, p('a', 0, 1, 'Now'), p('a', 1, 2, 'Next'));
const STORED = [
  { channel: 'a', start: 0, stop: 1, title: 'Now' },
  { channel: 'a', start: 1, stop: 2, title: 'Next' },
];

async function serve(answer: OriginAnswer): Promise<number> {
  const origin = await ScriptedOrigin.start({ '/guide': answer });
  origins.push(origin);
  return rig.addSource(`${origin.url}/guide`);
}

function rewrite(sourceId: number, ...records: string[]): void {
  const { url } = rig.database.connection.prepare('SELECT url FROM guide_sources WHERE id = ?').get(sourceId) as {
    url: string;
  };
  const name = url.split('/').at(-1)!;
  rig.write(name, tv(...records));
  utimesSync(url, new Date(), new Date(Date.now() + Math.random() * 1e9));
}

describe('a guide is imported', () => {
  it('from a file, and not again while the file is the same', async () => {
    const id = rig.addSource(rig.write('guide.xml', PLAIN));
    expect(await rig.import(id)).toMatchObject({ state: 'done', channels: 1, programmes: 2, added: 2, skipped: 0 });
    expect(rig.programmes()).toEqual(STORED);
    expect(await rig.import(id)).toEqual({ state: 'unchanged' });
  });

  it('from a server, with the conditions of the last answer', async () => {
    const asked: (string | undefined)[][] = [];
    const id = await serve(({ headers }, response) => {
      asked.push([headers['if-none-match'], headers['if-modified-since'], headers['user-agent']]);
      if (headers['if-none-match'] === '"v1"') response.writeHead(304).end();
      else response.writeHead(200, { ETag: '"v1"', 'Last-Modified': 'Sat, 25 Jul 2026 00:00:00 GMT' }).end(PLAIN);
    });
    expect(await rig.import(id)).toMatchObject({ state: 'done' });
    expect(await rig.import(id, {}, NOW_S + 60)).toEqual({ state: 'unchanged' });
    expect(asked).toEqual([
      [undefined, undefined, 'Sluice'],
      ['"v1"', 'Sat, 25 Jul 2026 00:00:00 GMT', 'Sluice'],
    ]);
    expect(rig.programmes()).toEqual(STORED);
    expect(rig.database.connection.prepare('SELECT last_run_at AS at FROM guide_sources').get()).toMatchObject({
      at: NOW_S + 60,
    });
  });

  it.each<[string, (plain: Buffer) => Uint8Array, Record<string, string>]>([
    ['gzip', gzipSync, {}],
    ['gzip in a packed transfer', plain => gzipSync(gzipSync(plain)), { 'Content-Encoding': 'gzip' }],
    ['a packed transfer', gzipSync, { 'Content-Encoding': 'gzip' }],
    [
      'gzip of several members',
      plain => Buffer.concat([gzipSync(plain.subarray(0, 50)), gzipSync(plain.subarray(50))]),
      {},
    ],
    ['xz', plain => execFileSync('xz', ['-c'], { input: plain }), { 'Content-Type': 'text/plain' }],
  ])('packed as %s, whatever it is called', async (_, pack, headers) => {
    const id = await serve((_request, response) => response.writeHead(200, headers).end(pack(Buffer.from(PLAIN))));
    expect(await rig.import(id)).toMatchObject({ state: 'done', programmes: 2 });
    expect(rig.programmes()).toEqual(STORED);
  });

  it('without what is too old or too far away', async () => {
    const id = rig.addSource(
      rig.write(
        'guide.xml',
        tv(
          p('a', -30, -24.5, 'old'),
          p('a', -25, -23, 'was on a day ago'),
          p('a', 335, 337, 'kept'),
          p('a', 336, 337, 'too far'),
        ),
      ),
    );
    expect(await rig.import(id)).toMatchObject({ programmes: 2 });
    expect(rig.programmes().map(({ title }) => title)).toEqual(['was on a day ago', 'kept']);
    const narrow = rig.addSource(rig.write('narrow.xml', PLAIN));
    await rig.import(narrow, { futureS: HOUR_S });
    expect(rig.programmes(narrow).map(({ title }) => title)).toEqual(['Now']);
  });

  it('with the end of each programme settled, in whatever order they come', async () => {
    const records = [
      p('a', 0, undefined, 'until the next'),
      p('a', 1, 4, 'cut by the next'),
      p('a', 2, 3, 'inside of another'),
      p('a', 2, 9, 'second of the same start'),
      p('a', 5, undefined, 'no next for long'),
      p('a', 30, undefined, 'no next at all'),
      p('b', 0, 1, 'other channel'),
    ];
    const expected = [
      { channel: 'a', start: 0, stop: 1, title: 'until the next' },
      { channel: 'a', start: 1, stop: 2, title: 'cut by the next' },
      { channel: 'a', start: 2, stop: 3, title: 'inside of another' },
      { channel: 'a', start: 5, stop: 17, title: 'no next for long' },
      { channel: 'a', start: 30, stop: 31, title: 'no next at all' },
      { channel: 'b', start: 0, stop: 1, title: 'other channel' },
    ];
    const forward = rig.addSource(rig.write('forward.xml', tv(...records)));
    await rig.import(forward);
    expect(rig.programmes(forward)).toEqual(expected);
    const other = [6, 5, 4, 1, 0, 2, 3].map(index => records[index]!);
    const shuffled = rig.addSource(rig.write('shuffled.xml', tv(...other)));
    await rig.import(shuffled);
    expect(rig.programmes(shuffled)).toEqual(expected);
  });

  it('at the right instants across a change of clocks', async () => {
    const nowS = Date.parse('2026-10-24T22:00:00Z') / 1000;
    const night = tv(
      programmeXml('a', '20261025010000 +0200', '20261025023000 +0200', 'before'),
      programmeXml('a', '20261025023000 +0200', '20261025023000 +0100', 'the hour that comes twice'),
      programmeXml('a', '20261025023000 +0100', '20261025040000 +0100', 'after'),
    );
    const id = rig.addSource(rig.write('guide.xml', night));
    await rig.import(id, {}, nowS);
    const lengths = rig.database.connection
      .prepare('SELECT title, (stop_at - start_at) / 60 AS minutes FROM programmes ORDER BY start_at')
      .raw()
      .all();
    expect(lengths).toEqual([
      ['before', 90],
      ['the hour that comes twice', 60],
      ['after', 90],
    ]);
  });
});

describe('a guide that is read again', () => {
  it('changes what is different and nothing else', async () => {
    const id = rig.addSource(
      rig.write(
        'guide.xml',
        tv(
          p('a', -2, -1, 'over'),
          p('a', 0, 1, 'same'),
          p('a', 1, 2, 'old title'),
          p('a', 2, 3, 'gone'),
          p('b', 0, 1, 'b'),
        ),
      ),
    );
    await rig.import(id);
    const ids = () => rig.database.connection.prepare('SELECT xmltv_id, id FROM guide_channels').raw().all();
    const before = ids();
    rewrite(id, p('a', 0, 1, 'same'), p('a', 1, 2, 'new title'), p('a', 3, 4, 'added'), p('b', 0, 1, 'b'));
    expect(await rig.import(id)).toMatchObject({ state: 'done', added: 1, changed: 1, removed: 1 });
    expect(rig.programmes().map(({ title }) => title)).toEqual(['over', 'same', 'new title', 'added', 'b']);
    expect(ids()).toEqual(before);
  });

  it('keeps what was before its first programme, and ends there what was on', async () => {
    const id = rig.addSource(
      rig.write('guide.xml', tv(p('a', -3, -2, 'over'), p('a', -2, 1, 'long'), p('a', 1, 2, 'x'))),
    );
    await rig.import(id);
    rewrite(id, p('a', 0, 1, 'begins here'));
    await rig.import(id);
    expect(rig.programmes()).toEqual([
      { channel: 'a', start: -3, stop: -2, title: 'over' },
      { channel: 'a', start: -2, stop: 0, title: 'long' },
      { channel: 'a', start: 0, stop: 1, title: 'begins here' },
    ]);
  });

  it('forgets channels that it has no more, but none that was chosen by hand', async () => {
    const id = rig.addSource(
      rig.write('guide.xml', tv(p('a', 0, 1, 'a'), p('b', -1, 0, 'b past'), p('b', 0, 1, 'b'), p('c', 0, 1, 'c'))),
    );
    await rig.import(id);
    const channel = rig.channels.create({ name: 'Chosen' });
    rig.database.connection
      .prepare("INSERT INTO guide_mappings SELECT ?, id, 1, 'manual' FROM guide_channels WHERE xmltv_id = 'b'")
      .run(channel.id);
    rewrite(id, p('a', 0, 1, 'a'));
    expect(await rig.import(id)).toMatchObject({ removed: 2 });
    expect(rig.programmes().map(({ title }) => title)).toEqual(['a', 'b past']);
    expect(rig.mappings()).toEqual({ [channel.id]: 'b, manual, 1' });
  });

  it('leaves other sources alone', async () => {
    const one = rig.addSource(rig.write('one.xml', PLAIN));
    const two = rig.addSource(rig.write('two.xml', PLAIN));
    await rig.import(one);
    await rig.import(two);
    rewrite(one, p('z', 0, 1, 'z'));
    await rig.import(one);
    expect(rig.programmes(two)).toEqual(STORED);
  });
});

describe('nothing is lost', () => {
  let id: number;
  beforeEach(async () => {
    id = rig.addSource(rig.write('guide.xml', PLAIN));
    await rig.import(id);
  });
  afterEach(() => expect(rig.programmes(id)).toEqual(STORED));

  const pointTo = (url: string): void =>
    void rig.database.connection.prepare('UPDATE guide_sources SET url = ?, etag = NULL WHERE id = ?').run(url, id);

  it.each<[string, string | Uint8Array, string]>([
    ['a web page', '<!DOCTYPE html><html>', 'guide_not_xmltv'],
    ['nothing', '', 'guide_not_xmltv'],
    ['cut off', tv(p('z', 0, 1, 'z')).slice(0, -8), 'guide_truncated'],
    ['packed and cut off', gzipSync(tv(p('z', 0, 1, 'z').repeat(500))).subarray(0, -20), 'guide_truncated'],
    [
      'packed and damaged',
      Buffer.concat([gzipSync(tv(p('z', 0, 1, 'z'))).subarray(0, 12), Buffer.alloc(50, 0xff)]),
      'guide_not_xmltv',
    ],
    [
      'xz and cut off',
      execFileSync('xz', ['-c'], { input: tv(p('z', 0, 1, 'z').repeat(5000)) }).subarray(0, 200),
      'guide_truncated',
    ],
    [
      'xz with an option that is not supported',
      execFileSync('xz', ['-c', '--check=sha256'], { input: PLAIN }),
      'guide_not_xmltv',
    ],
    ['packed three times', gzipSync(gzipSync(gzipSync(PLAIN))), 'guide_not_xmltv'],
    ['without programmes', tv(CHANNEL), 'guide_empty'],
    ['all in the past', tv(p('z', -90, -80, 'z')), 'guide_empty'],
    ['all broken', tv('<programme start="x" channel="z"><title>z</title></programme>'), 'guide_empty'],
  ])('when the guide is %s', async (_, content, code) => {
    pointTo(rig.write('bad.xml', content));
    expect(await failureOf(() => rig.import(id))).toMatchObject({ code });
  });

  it('when the server is down, refuses, or breaks off', async () => {
    pointTo('http://127.0.0.1:1/guide');
    expect(await failureOf(() => rig.import(id))).toMatchObject({ code: 'source_unavailable' });
    const answers: [OriginAnswer, string][] = [
      [(_, response) => response.writeHead(500).end(), 'source_unavailable'],
      [(_, response) => response.writeHead(404).end(), 'source_not_found'],
      [(_, response) => response.writeHead(403).end(), 'source_refused'],
      [
        (_, response) => response.writeHead(200, { 'Content-Length': 10_000 }).write(PLAIN, () => response.destroy()),
        'source_ended',
      ],
      [(_, response) => response.writeHead(200).write(PLAIN, () => response.destroy()), 'source_ended'],
    ];
    for (const [answer, code] of answers) {
      const other = await serve(answer);
      expect(await failureOf(() => rig.import(other))).toMatchObject({ code });
    }
  });

  it('when it is too large, packed or not', async () => {
    pointTo(rig.write('large.xml', tv(`<!--${' '.repeat(3 << 20)}-->`, p('z', 0, 1, 'z'))));
    expect(await failureOf(() => rig.import(id, { maxBytes: 2 << 20 }))).toMatchObject({ code: 'guide_too_large' });
    pointTo(rig.write('bomb.xml.gz', gzipSync(Buffer.concat([Buffer.from('<tv>'), Buffer.alloc(64 << 20, ' ')]))));
    expect(await failureOf(() => rig.import(id, { maxBytes: 8 << 20 }))).toMatchObject({ code: 'guide_too_large' });
  });

  it('when the address is private and that is not allowed', async () => {
    pointTo('http://127.0.0.1:1/guide');
    const failure = await failureOf(() => rig.import(id, { allowPrivate: false }));
    expect(failure).toMatchObject({ code: 'source_not_allowed' });
  });

  it('when the path names no file', async () => {
    pointTo(rig.folder);
    expect(await failureOf(() => rig.import(id))).toMatchObject({ code: 'source_not_found' });
    pointTo(`${rig.folder}/missing`);
    expect(await failureOf(() => rig.import(id))).toMatchObject({ code: 'source_not_found' });
    pointTo('/etc/hostname');
    expect(await failureOf(() => rig.import(id))).toMatchObject({ code: 'source_not_allowed' });
    pointTo(`${rig.folder}/inside/../../outside.xml`);
    const elsewhere = { folder: `${rig.folder}/inside` };
    expect(await failureOf(() => rig.import(id, elsewhere))).toMatchObject({ code: 'source_not_allowed' });
  });

  it('when the source is removed while it is read', async () => {
    let release = (): void => {};
    const reached = new Promise<void>(resolve => {
      release = resolve;
    });
    const other = await serve((_, response) => {
      response.writeHead(200).write('<tv>');
      void reached.then(() => response.end(`${p('z', 0, 1, 'z')}</tv>`));
    });
    const running = failureOf(() => rig.import(other));
    rig.database.connection.prepare('DELETE FROM guide_sources WHERE id = ?').run(other);
    release();
    expect(await running).toMatchObject({ code: 'catalog_not_found' });
    expect(rig.programmes(other)).toEqual([]);
  });
});

describe('a guide that is cut off, where that is accepted', () => {
  it('adds and changes as far as it goes, and is read again the next time', async () => {
    const id = rig.addSource(
      rig.write('guide.xml', tv(p('a', 0, 1, 'a0'), p('a', 1, 2, 'a1'), p('a', 5, 6, 'a5'), p('b', 0, 1, 'b0'))),
    );
    await rig.import(id);
    const cut = `<tv>${p('a', 0, 1.5, 'new a0')}${p('a', 1.5, 3, 'new a1')}<programme start="`;
    rig.write('guide.xml', cut);
    expect(await rig.import(id, { acceptTruncated: true })).toMatchObject({ isTruncated: true, skipped: 1 });
    expect(rig.programmes()).toEqual([
      { channel: 'a', start: 0, stop: 1.5, title: 'new a0' },
      { channel: 'a', start: 1.5, stop: 3, title: 'new a1' },
      { channel: 'a', start: 5, stop: 6, title: 'a5' },
      { channel: 'b', start: 0, stop: 1, title: 'b0' },
    ]);
    expect(await rig.import(id, { acceptTruncated: true })).toMatchObject({ state: 'done', added: 0, changed: 0 });
  });
});

describe('other jobs', () => {
  it('preview reads without storing', async () => {
    const place = rig.write('guide.xml', PLAIN);
    expect(await rig.run<'preview'>({ type: 'preview', place, nowS: NOW_S, options: READING })).toEqual({
      channels: 1,
      programmes: 2,
      skipped: 0,
      bytes: readFileSync(place).length,
      isTruncated: false,
    });
    expect(rig.programmes()).toEqual([]);
  });

  it('prune forgets what is over for long', async () => {
    const id = rig.addSource(
      rig.write('guide.xml', tv(p('a', -5, -4, 'old'), p('a', -1, 0, 'recent'), p('a', 0, 1, 'now'))),
    );
    await rig.import(id);
    const request = { type: 'prune', database: rig.file, endedBeforeS: NOW_S - 2 * HOUR_S } as const;
    expect(await rig.run<'prune'>(request)).toEqual({ removed: 1 });
    expect(rig.programmes().map(({ title }) => title)).toEqual(['recent', 'now']);
  });

  it('remove forgets a source with all that came from it', async () => {
    const kept = rig.addSource(rig.write('kept.xml', PLAIN));
    const lost = rig.addSource(
      rig.write(
        'lost.xml',
        tv(...Array.from({ length: 12_000 }, (_, index) => p(`c${index % 50}`, index / 50, index / 50 + 0.02, 't'))),
      ),
      'lost',
    );
    await rig.import(kept);
    await rig.import(lost);
    expect(await rig.run<'remove'>({ type: 'remove', database: rig.file, sourceId: lost })).toEqual({
      removed: 12_000,
    });
    expect(rig.programmes()).toEqual(STORED);
    expect(rig.database.connection.prepare('SELECT id FROM guide_sources').pluck().all()).toEqual([kept]);
    expect(rig.database.connection.prepare('SELECT COUNT(*) FROM guide_channels').pluck().all()).toEqual([1]);
  });
});
