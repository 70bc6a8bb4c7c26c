import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import epgParser from 'epg-parser';
import fc from 'fast-check';
import { guideIdOf } from '../../../../src/guide/guide-id.ts';
import type { ChannelSelection, ExportAnswer } from '../../../../src/guide/guide-job.ts';
import {
  channelXml,
  programmeXml as written,
  XMLTV_HEAD,
  XMLTV_TAIL,
} from '../../../../workers/jobs/xmltv/xmltv-writer.ts';
import { at, DAY_S, GuideRig, NOW_S } from '../../support/guide-rig.ts';
import { parseGuide, programmeXml, tv } from '../../support/xmltv.ts';

let rig: GuideRig;
beforeEach(() => {
  rig = new GuideRig();
});
afterEach(() => rig.close());

async function exported(selection: ChannelSelection = 'all'): Promise<ExportAnswer & { text: string }> {
  const base = path.join(rig.folder, 'documents', 'x');
  const window = { fromS: NOW_S - DAY_S, toS: NOW_S + DAY_S };
  const answer = await rig.run<'export'>({ type: 'export', database: rig.file, selection, ...window, path: base });
  const text = readFileSync(`${base}.xml`, 'utf8');
  expect(gunzipSync(readFileSync(`${base}.xml.gz`)).toString()).toBe(text);
  expect(answer.bytes).toBe(Buffer.byteLength(text));
  return { ...answer, text };
}

async function fill(...records: string[]): Promise<void> {
  await rig.import(rig.addSource(rig.write('guide.xml', tv(...records))));
  await rig.match();
}

describe('a document', () => {
  it('has the channels that have programmes, under the id that all outputs use, and nothing else', async () => {
    const news = rig.channels.create({
      name: 'News & <More>',
      guideId: ' n.es ',
      logoUrl: 'http://logos.example/n?a=1&b=2',
    });
    const plain = rig.channels.create({ name: 'Plain' });
    rig.channels.create({ name: 'Unknown', guideId: 'unknown.es' });
    rig.channels.create({ name: 'Hidden', enabled: false });
    await fill(
      programmeXml('n.es', at(0), at(1), 'Now "here"', '<desc>5 &lt; 6</desc>'),
      programmeXml('n.es', at(30), at(31), 'too far away'),
      programmeXml('Plain', at(-2), at(-1), 'Past'),
      programmeXml('Plain', at(1), at(2), 'Later'),
      programmeXml('Hidden', at(0), at(1), 'x'),
    );
    const { text, channels, programmes } = await exported();
    expect({ channels, programmes }).toEqual({ channels: 2, programmes: 3 });
    expect(guideIdOf(plain)).toBe(`c${plain.id}.sluice`);
    expect(text).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv generator-info-name="Sluice">
<channel id="n.es"><display-name>News &amp; &lt;More&gt;</display-name><icon src="http://logos.example/n?a=1&amp;b=2"/></channel>
<channel id="c${plain.id}.sluice"><display-name>Plain</display-name></channel>
<programme start="20260725120000 +0000" stop="20260725130000 +0000" channel="n.es"><title>Now &quot;here&quot;</title><desc>5 &lt; 6</desc></programme>
<programme start="20260725100000 +0000" stop="20260725110000 +0000" channel="c${plain.id}.sluice"><title>Past</title></programme>
<programme start="20260725130000 +0000" stop="20260725140000 +0000" channel="c${plain.id}.sluice"><title>Later</title></programme>
</tv>
`,
    );
    expect(guideIdOf(news)).toBe('n.es');
  });

  it('has channels that share an id once, with all their names', async () => {
    for (const name of ['News HD', 'News SD', 'News HD']) rig.channels.create({ name, guideId: 'n.es' });
    await fill(programmeXml('n.es', at(0), at(1), 'x'));
    const { text, programmes } = await exported();
    expect(text).toContain(
      '<channel id="n.es"><display-name>News HD</display-name><display-name>News SD</display-name></channel>',
    );
    expect(programmes).toBe(1);
  });

  it('is about some categories or channels, if wanted, and may be empty', async () => {
    const { Categories } = await import('../../../../src/catalog/categories.ts');
    const sport = new Categories(rig.database, rig.events).create({ name: 'Sport' });
    const a = rig.channels.create({ name: 'Alpha', guideId: 'a.es' });
    const b = rig.channels.create({ name: 'Beta', guideId: 'b.es', categoryId: sport.id });
    await fill(programmeXml('a.es', at(0), at(1), 'A'), programmeXml('b.es', at(0), at(1), 'B'));
    expect((await exported({ categoryIds: [sport.id] })).text).toMatch(/^(?!.*a\.es).*b\.es/s);
    expect((await exported({ channelIds: [a.id] })).text).toMatch(/^(?!.*b\.es).*a\.es/s);
    expect(await exported({ channelIds: [a.id, b.id] })).toMatchObject({ channels: 2 });
    expect(await exported({ categoryIds: [] })).toMatchObject({
      channels: 0,
      programmes: 0,
      text: XMLTV_HEAD + XMLTV_TAIL,
    });
  });

  it('has the same digest as long as it says the same', async () => {
    rig.channels.create({ name: 'Alpha', guideId: 'a.es' });
    await fill(programmeXml('a.es', at(0), at(1), 'A'));
    const first = await exported();
    expect((await exported()).digest).toBe(first.digest);
    rig.channels.create({ name: 'Alpha too', guideId: 'a.es' });
    await rig.match();
    expect((await exported()).digest).not.toBe(first.digest);
  });

  it('leaves no half of itself behind when it fails', async () => {
    rig.write('blocked', '');
    const base = path.join(rig.folder, 'blocked', 'x');
    const request = { type: 'export', database: rig.file, selection: 'all', fromS: 0, toS: 1, path: base } as const;
    await expect(rig.run<'export'>(request)).rejects.toThrow();
    expect(existsSync(`${base}.xml`)).toBe(false);
  });

  it('is read by epg-parser, and by our own parser, as what was written, whatever the texts are', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        text,
        text,
        fc.integer({ min: NOW_S, max: NOW_S * 2 }),
        fc.integer({ min: 1, max: 90_000 }),
        (id, title, start_at, lengthS) => {
          const more = { subtitle: title, description: title, category: null, icon_url: 'javascript:alert(1)' };
          const document =
            XMLTV_HEAD +
            channelXml({ id: `${id}.x`, names: [title], iconUrl: null }) +
            written(`${id}.x`, { start_at, stop_at: start_at + lengthS, title: `t ${title}`, ...more }) +
            XMLTV_TAIL;
          const own = parseGuide(document);
          expect(own).toMatchObject({ skipped: 0, endedWell: true });
          expect(own.programmes).toMatchObject([{ startAt: start_at, stopAt: start_at + lengthS, iconUrl: null }]);
          const theirs = epgParser.parse(document);
          expect(theirs.channels).toHaveLength(1);
          expect(theirs.programs).toHaveLength(1);
          expect(new Date(theirs.programs[0]!.start).getTime() / 1000).toBe(start_at);
        },
      ),
      { numRuns: 300 },
    );
  });
});
