import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../helpers/run.ts';
import { until } from '../helpers/until.ts';
import { ALICE, queryOf, startXtream, type XtreamGateway } from '../helpers/xtream.ts';

/** The contents of the built-in demo, which real players can decode. */
const CHANNELS = ['0001', '0f02', '1e03'].map((end, i) => ({
  id: 101 + i,
  name: `Demo ${i + 1}, "live"`,
  number: i + 1,
  categoryId: 1,
  infohash: `da5a${end.padStart(36, '0')}`,
}));

let gateway: XtreamGateway;
beforeAll(async () => {
  const categories = [{ id: 1, name: 'Demo' }];
  gateway = await startXtream({ categories, channels: CHANNELS, programmes: [] }, { ACESTREAM_ENGINES: '' });
  await until(
    'the demo engine to be healthy',
    async () => (await gateway.metric('sluice_engine_up'))['{engine="0"}'] === 1,
  );
});
afterAll(() => gateway.close());

/** Plays three seconds of each thing that an address leads to. */
const play = (url: string, ...more: string[]) =>
  run('mpv', [
    '--no-config',
    '--vo=null',
    '--ao=null',
    '--length=3',
    '--network-timeout=6',
    '--msg-level=all=warn',
    ...more,
    url,
  ]);

/** Channels that were watched until now, one entry for each session. */
const watched = () =>
  gateway.gateway.sessions
    .history()
    .map(({ channelId }) => channelId)
    .sort();

describe('real players with an account', () => {
  const path = `/${ALICE.username}/${encodeURIComponent(ALICE.password)}/101`;

  it.each([[`/live${path}.ts`], [`/live${path}`], [`${path}.ts`], [path]])(
    'play %s in mpv without a word',
    async url => {
      const { code, stdout, complaints } = await play(gateway.url + url);
      expect({ code, stdout, complaints }).toEqual({ code: 0, stdout: '', complaints: [] });
    },
  );

  it.each([
    ['', 'm3u_plus'],
    ['&output=ts', 'm3u_plus'],
    ['&output=ts', 'm3u'],
  ])('play the whole playlist (%s, %s) in mpv, channel after channel', async (output, type) => {
    const before = watched();
    const { code, complaints } = await play(`${gateway.url}/get.php?${queryOf()}&type=${type}${output}`);
    expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
    await until('the last session to be over', () => watched().length === before.length + 3);
    expect(watched()).toEqual([...before, 101, 102, 103].sort());
  });

  it('are told at once by ffprobe what is in a channel', async () => {
    const entries = ['-show_entries', 'stream=codec_name', '-of', 'json'];
    const probed = await run('ffprobe', ['-v', 'error', ...entries, `${gateway.url}/live${path}.ts`]);
    expect(probed.complaints).toEqual([]);
    const { streams } = JSON.parse(probed.stdout) as { streams: { codec_name: string }[] };
    expect(streams.map(({ codec_name }) => codec_name).sort()).toEqual(['aac', 'h264']);
  });

  it('get an error for HLS, which is not served', async () => {
    const { code } = await play(`${gateway.url}/live${path}.m3u8`);
    expect(code).not.toBe(0);
  });
});
