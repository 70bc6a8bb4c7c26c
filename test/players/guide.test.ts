import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import epgParser from 'epg-parser';
import { guideIdOf } from '../../src/guide/guide-id.ts';
import { parseXmltvTime } from '../../src/guide/xmltv-time.ts';
import { run } from '../helpers/run.ts';
import { at, DAY_S, GuideRig, NOW_S } from '../unit/support/guide-rig.ts';
import { programmeXml, tv } from '../unit/support/xmltv.ts';

const DTD = path.resolve('test/players/xmltv.dtd');

let rig: GuideRig;
beforeEach(() => {
  rig = new GuideRig();
});
afterEach(() => rig.close());

describe('the XMLTV document for players', () => {
  it('is valid for xmllint, and read alike by epg-parser, with awkward texts in it', async () => {
    const names = ['News & <More>', 'Ñandú "TV"', '日本 🎬', "L'Équipe\u0007", 'Plain'];
    const made = names.map((name, index) =>
      rig.channels.create({
        name: name.replace(/\p{Cc}/gu, ''),
        guideId: index === 1 ? 'a&b.es' : null,
        logoUrl: 'http://l.example/?a=1&b=<2>',
      }),
    );
    const more =
      '<sub-title>]]&gt;</sub-title><desc>&lt;b&gt;\u0007 &amp;amp;</desc><category>Sport</category><icon src="http://p.example/p.png"/>';
    await rig.import(
      rig.addSource(
        rig.write(
          'guide.xml',
          tv(
            ...made.flatMap(({ name }, index) => [
              `<channel id="g${index}.es"><display-name>${name.replace(/[&<>]/g, '')}</display-name></channel>`,
              programmeXml(`g${index}.es`, at(-1), at(1), `Now: ${name}`, more),
              programmeXml(`g${index}.es`, at(0.5), undefined, 'Next'),
              programmeXml(`g${index}.es`, at(3), at(2), 'never'),
            ]),
          ),
        ),
      ),
    );
    rig.database.connection
      .prepare(
        "INSERT INTO guide_mappings SELECT c.id, g.id, 1, 'manual' FROM channels c JOIN guide_channels g ON g.xmltv_id = 'g' || (c.id - CAST(? AS INTEGER)) || '.es'",
      )
      .run(made[0]!.id);
    const base = path.join(rig.folder, 'documents', 'all');
    const window = { fromS: NOW_S - DAY_S, toS: NOW_S + DAY_S };
    await rig.run<'export'>({ type: 'export', database: rig.file, selection: 'all', ...window, path: base });

    copyFileSync(DTD, path.join(rig.folder, 'documents', 'xmltv.dtd')); // Where the document says that it is.
    const lint = await run('xmllint', ['--noout', '--nonet', '--valid', `${base}.xml`]);
    expect(lint).toMatchObject({ code: 0, complaints: [] });

    const { channels, programs } = epgParser.parse(readFileSync(`${base}.xml`, 'utf8'));
    expect(channels.map(({ id }) => id)).toEqual(made.map(guideIdOf).map(id => id.replace('&', '&amp;')));
    expect(programs).toHaveLength(made.length * 2);
    const known = new Set(channels.map(({ id }) => id));
    for (const { channel, start, stop } of programs) {
      expect(known.has(channel)).toBe(true);
      expect(Date.parse(stop)).toBeGreaterThan(Date.parse(start));
    }
    expect(new Set(programs.map(({ channel }) => channel))).toEqual(known);
    expect(Date.parse(programs[0]!.start) / 1000).toBe(parseXmltvTime(at(-1)));
  });
});
