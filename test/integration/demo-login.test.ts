import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { until } from '../helpers/until.ts';
import { Viewer } from '../helpers/viewer.ts';

const LOGIN = 'username=demo&password=demo';

describe('the demo, to an Xtream player', () => {
  let gateway: TestGateway;

  beforeEach(async () => {
    gateway = await startGateway({});
  });

  afterEach(() => gateway.close());

  const player = async <Answer>(action: string): Promise<Answer> =>
    (await (await ask(`${gateway.url}/player_api.php?${LOGIN}${action}`)).json()) as Answer;

  it('has a login, channels in categories, a guide for now, and plays', async () => {
    expect(await player('')).toMatchObject({ user_info: { auth: 1, status: 'Active' } });
    const categories = await player<{ category_id: string }[]>('&action=get_live_categories');
    const channels =
      await player<{ stream_id: number; category_id: string; epg_channel_id: string }[]>('&action=get_live_streams');
    expect(channels).toHaveLength(3);
    for (const { category_id: id } of channels) expect(categories.map(({ category_id: known }) => known)).toContain(id);
    const listings = (): Promise<{ epg_listings: { now_playing: number }[] }> =>
      player(`&action=get_short_epg&stream_id=${channels[0]!.stream_id}`);
    await until('the guide to be matched', async () => (await listings()).epg_listings[0]?.now_playing === 1);
    const guide = await (await ask(`${gateway.url}/xmltv.php?${LOGIN}`)).text();
    for (const { epg_channel_id: id } of channels) expect(guide).toContain(`<channel id="${id}">`);
    const viewer = new Viewer(gateway.port, `/live/demo/demo/${channels[0]!.stream_id}.ts`);
    await viewer.more(100);
    expect(viewer.status).toBe(200);
    viewer.leave();
  });

  it('lets nobody else in', async () => {
    const answer = await ask(`${gateway.url}/player_api.php?username=demo&password=wrong`);
    expect(await answer.json()).toEqual({ user_info: { auth: 0 } });
  });
});
