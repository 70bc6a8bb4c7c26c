import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { at, GuideRig } from '../../support/guide-rig.ts';
import { programmeXml, tv } from '../../support/xmltv.ts';

let rig: GuideRig;
beforeEach(() => {
  rig = new GuideRig();
});
afterEach(() => rig.close());

/** A guide with one programme for each of these channels. */
function guide(...channels: [xmltvId: string, name: string][]): string {
  return tv(
    ...channels.map(([id, name]) => `<channel id="${id}"><display-name>${name}</display-name></channel>`),
    ...channels.map(([id, name]) => programmeXml(id, at(0), at(1), `On ${name}`)),
  );
}

async function source(file: string, ...channels: [xmltvId: string, name: string][]): Promise<number> {
  const id = rig.addSource(rig.write(file, guide(...channels)), file);
  await rig.import(id);
  return id;
}

function chooseByHand(channelId: number, xmltvId: string): void {
  rig.database.connection
    .prepare("INSERT OR REPLACE INTO guide_mappings SELECT ?, id, 1, 'manual' FROM guide_channels WHERE xmltv_id = ?")
    .run(channelId, xmltvId);
}

describe('matching', () => {
  it('writes what it finds, says what there is, and changes nothing the second time', async () => {
    const first = await source('one.xml', ['La1.es', 'La 1'], ['La2.es', 'La 2']);
    const byId = rig.channels.create({ name: 'Whatever', guideId: 'LA1.es' });
    const byName = rig.channels.create({ name: 'ES: La 2 HD' });
    const none = rig.channels.create({ name: 'Nobody knows it' });
    const answer = await rig.match();
    expect(answer).toEqual({
      channels: 3,
      matched: 2,
      manual: 0,
      changed: 2,
      sources: [{ sourceId: first, channels: 2, programmes: 2 }],
    });
    expect(rig.mappings()).toEqual({ [byId.id]: 'La1.es, guide-id, 1', [byName.id]: 'La2.es, name, 0.98' });
    expect(rig.mappings()).not.toHaveProperty(String(none.id));
    expect(await rig.match()).toEqual({ ...answer, changed: 0 });
  });

  it('follows changes of the catalogue and of guides', async () => {
    const id = await source('one.xml', ['a.es', 'Alpha'], ['b.es', 'Beta']);
    const channel = rig.channels.create({ name: 'Alpha' });
    await rig.match();
    rig.channels.update(channel.id, { name: 'Beta' });
    expect(await rig.match()).toMatchObject({ matched: 1, changed: 1 });
    expect(rig.mappings()[channel.id]).toBe('b.es, name, 0.95');
    rig.channels.update(channel.id, { name: 'Gamma' });
    expect(await rig.match()).toMatchObject({ matched: 0, changed: 1 });
    rig.write('one.xml', guide(['g.es', 'Gamma'], ['c.es', 'Gamma Channel']));
    await rig.import(id);
    await rig.match();
    expect(rig.mappings()[channel.id]).toBe('g.es, name, 0.95');
  });

  it('leaves what was chosen by hand alone, through any change', async () => {
    const id = await source('one.xml', ['a.es', 'Alpha'], ['b.es', 'Beta']);
    const channel = rig.channels.create({ name: 'Alpha', guideId: 'a.es' });
    chooseByHand(channel.id, 'b.es');
    expect(await rig.match()).toMatchObject({ matched: 1, manual: 1, changed: 0 });
    rig.write('one.xml', guide(['a.es', 'Alpha']));
    await rig.import(id);
    await rig.match();
    rig.write('one.xml', guide(['a.es', 'Alpha'], ['b.es', 'Beta again']));
    await rig.import(id);
    await rig.match();
    expect(rig.mappings()).toEqual({ [channel.id]: 'b.es, manual, 1' });
    expect(rig.programmes().map(({ title }) => title)).toContain('On Beta again');
  });

  it('prefers sources in the order that is given, and then the older one', async () => {
    const one = await source('one.xml', ['x.one', 'News']);
    const two = await source('two.xml', ['x.two', 'News']);
    const channel = rig.channels.create({ name: 'News' });
    const found = async (order: number[]): Promise<string | undefined> => {
      await rig.match(order);
      return rig.mappings()[channel.id];
    };
    expect(await found([])).toBe('x.one, name, 0.95');
    expect(await found([two])).toBe('x.two, name, 0.95');
    expect(await found([one, two])).toBe('x.one, name, 0.95');
  });

  it('passes over sources that are off, or were never read, and channels that have nothing to show', async () => {
    const off = await source('off.xml', ['x.es', 'News']);
    rig.database.connection.prepare('UPDATE guide_sources SET enabled = 0 WHERE id = ?').run(off);
    const past = rig.addSource(
      rig.write('past.xml', tv(programmeXml('News', at(-2), at(-1), 'over'), programmeXml('z', at(0), at(1), 'z'))),
    );
    await rig.import(past);
    const unread = await source('unread.xml', ['y.es', 'News']);
    rig.database.connection.prepare('UPDATE guide_sources SET last_run_at = NULL WHERE id = ?').run(unread);
    rig.channels.create({ name: 'News' });
    expect(await rig.match()).toMatchObject({ matched: 0 });
  });
});
