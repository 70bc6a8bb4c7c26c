import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { bigList } from '../helpers/lists.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { type OriginAnswer, ScriptedOrigin } from '../unit/support/scripted-origin.ts';

const CHANNELS = 100_000;
const INFOHASH = '1'.repeat(40);
const SMALL =
  '#EXTM3U\n#EXTINF:-1 group-title="News",One\nhttp://a.example/1.ts\n#EXTINF:-1,Two\nhttp://a.example/2.ts\n';

const text =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): OriginAnswer =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

let answers: Record<string, OriginAnswer>;
let origin: ScriptedOrigin;
let gateway: TestGateway;
let engine: StandIn;

beforeEach(async () => {
  answers = {};
  origin = await ScriptedOrigin.start({
    '*': (request, response) => answers[request.url!.split('?', 1)[0]!]?.(request, response),
  });
  engine = await startStandIn();
  engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 8_000_000, contentId: '2'.repeat(40) });
  gateway = await startGateway({ ACESTREAM_ENGINES: engine.url });
});

afterEach(async () => {
  await gateway.close();
  await origin.close();
  await engine.close();
});

const imports = () => gateway.gateway.imports;
const names = () => [...gateway.gateway.channels.each()].map(({ name }) => name);
/** An import that is only read when the test says so. */
const add = (where: string) => imports().create({ url: `${origin.url}${where}`, enabled: false }).id;

describe('an import', () => {
  it(`of ${CHANNELS} channels takes seconds, and neither the front nor a viewer notices`, async () => {
    const body = gzipSync(bigList(CHANNELS));
    answers['/big.m3u.gz'] = text(body, { 'Content-Type': 'application/octet-stream' });
    const viewer = gateway.watch(`infohash=${INFOHASH}`);
    await viewer.more(2_000);
    const id = add('/big.m3u.gz');
    const before = process.memoryUsage().rss;
    let peak = before;
    const watching = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 20);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const beganMs = performance.now();
    const run = await within('the import', imports().run(id), 60_000);
    const seconds = (performance.now() - beganMs) / 1000;
    delay.disable();
    clearInterval(watching);
    console.error(
      `import of ${CHANNELS}: ${seconds.toFixed(1)} s, ${Math.round((peak - before) / 2 ** 20)} MiB more at most, ` +
        `front delayed by ${(delay.percentile(99) / 1e6).toFixed(1)} ms (p99), ${(delay.max / 1e6).toFixed(1)} ms (max)`,
    );
    expect(run).toMatchObject({ state: 'done', added: CHANNELS, changed: 0, removed: 0, skipped: 0 });
    expect(seconds).toBeLessThan(45);
    expect((peak - before) / 2 ** 20).toBeLessThan(400);
    expect(delay.percentile(99) / 1e6).toBeLessThan(50);
    expect(delay.max / 1e6).toBeLessThan(200); // Others may want the cores as well.
    await viewer.more(1_000);
    const { lost, repeated, discontinuities, continuityErrors } = viewer.check;
    expect({ lost, repeated, discontinuities, continuityErrors }).toEqual({
      lost: 0,
      repeated: 0,
      discontinuities: 0,
      continuityErrors: 0,
    });
    viewer.leave();
    expect(await gateway.metric('sluice_channels')).toEqual({ '{state="enabled"}': CHANNELS, '{state="disabled"}': 0 });
    expect((await gateway.metric('sluice_import_runs_total'))['{state="done"}']).toBe(1);
  }, 120_000);

  it('that is asked for twice at once is read once, and again only when the list has changed', async () => {
    let etag = '"1"';
    answers['/list'] = (request, response) => {
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(SMALL);
    };
    const id = add('/list');
    const [first, second] = await Promise.all([imports().run(id), imports().run(id)]);
    expect(second).toBe(first);
    expect(first).toMatchObject({ state: 'done', added: 2 });
    expect(await imports().run(id)).toMatchObject({ state: 'unchanged' });
    etag = '"2"';
    expect(await imports().run(id)).toMatchObject({ state: 'done', added: 0 });
    expect(origin.requests).toHaveLength(3);
    expect(
      imports()
        .runs(id, 10)
        .map(({ state }) => state),
    ).toEqual(['done', 'unchanged', 'done']);
  });

  it.each<[what: string, answer: OriginAnswer]>([
    ['is down', request => void request.socket.destroy()],
    ['fails', text('no', {}, 500)],
    ['has a page there', text('<!doctype html><p>We are moving', { 'Content-Type': 'text/html' })],
    [
      'sends less than it said',
      (_, response) => {
        response.writeHead(200, { 'Content-Length': String(SMALL.length + 100) });
        response.write(SMALL, () => response.destroy());
      },
    ],
    [
      'cuts chunks off',
      (_, response) => {
        response.writeHead(200);
        response.write(SMALL, () => response.destroy());
      },
    ],
    ['cuts gzip off', text(gzipSync(bigList(2000)).subarray(0, 9000), { 'Content-Encoding': 'gzip' })],
    ['sends a list without channels', text('#EXTM3U\n')],
    ['redirects in circles', (_, response) => void response.writeHead(302, { Location: '/list' }).end()],
    [
      'redirects to where clouds keep secrets',
      (_, response) => void response.writeHead(302, { Location: 'http://169.254.169.254/x' }).end(),
    ],
  ])('changes nothing when the source %s', async (_, answer) => {
    answers['/list'] = text(SMALL);
    const id = add('/list');
    await imports().run(id);
    answers['/list'] = answer;
    const run = await imports().run(id);
    expect(run).toMatchObject({ state: 'failed', problem: expect.stringMatching(/\w/) });
    expect(names()).toEqual(['One', 'Two']);
    await expect(imports().preview(id)).rejects.toThrow();
  });

  it('is gone with its channels, or leaves them as they are', async () => {
    answers['/a'] = text(bigList(1500));
    answers['/b'] = text(SMALL);
    const [a, b] = [add('/a'), add('/b')];
    await imports().run(a);
    await imports().run(b);
    await imports().remove(a);
    expect(names()).toEqual(['One', 'Two']);
    await imports().remove(b, { keepChannels: true });
    expect([...gateway.gateway.channels.each()].map(({ importId }) => importId)).toEqual([null, null]);
    expect(imports().list()).toEqual([]);
  });

  it('that is stopped while it writes leaves the catalogue as it was, and nobody locked out', async () => {
    answers['/list'] = text(gzipSync(bigList(60_000)));
    const id = add('/list');
    const run = imports().run(id);
    await until('the import to write', () => imports().progress(id)?.phase === 'applying', 60_000);
    await imports().remove(id);
    // It may have been done by then: it is a whole import or none, and its removal took the channels along.
    await run;
    expect(names()).toEqual([]);
    const beganMs = performance.now();
    gateway.gateway.channels.create({ name: 'By hand' });
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  }, 90_000);

  it('never shows an account, neither in the log nor to those who ask', async () => {
    answers['/get.php'] = text('<html>');
    const secret = 'tOpSeCrEt';
    const { host } = new URL(origin.url);
    const { id } = imports().create({
      url: `http://me:${secret}@${host}/get.php?username=u&password=${secret}`,
      enabled: false,
    });
    await imports().run(id);
    answers['/get.php'] = text(SMALL);
    await imports().run(id);
    expect(imports().get(id).address).toBe(`http://${host}/…`);
    expect(JSON.stringify([gateway.log, imports().list(), imports().runs(id, 9)])).not.toContain(secret);
    expect(gateway.log.filter(({ msg }) => /import/.test(msg)).map(({ level, msg }) => [level, msg])).toEqual([
      [40, 'import failed; the catalogue stays as it was'],
      [30, 'import done'],
    ]);
  });
});

describe('an Xtream account', () => {
  const login = (request: Parameters<OriginAnswer>[0]) => {
    const query = new URL(request.url!, 'http://x').searchParams;
    return query.get('username') === 'me' && query.get('password') === 'p/w' ? query.get('action') : 'refused';
  };
  const panel: OriginAnswer = (request, response) => {
    const lists: Record<string, unknown> = {
      refused: { user_info: { auth: 0 } },
      get_live_categories: [{ category_id: '5', category_name: 'Sports', parent_id: 0 }],
      get_live_streams: [
        {
          num: 1,
          name: 'One "HD"',
          stream_id: 101,
          stream_icon: 'http://l/1.png',
          epg_channel_id: 'one.tv',
          category_id: '5',
        },
        { num: 2, name: 'Two {', stream_id: '102', stream_icon: '', epg_channel_id: null, category_id: null },
        { num: 3, name: null, stream_id: 103 },
      ],
    };
    response.writeHead(200).end(JSON.stringify(lists[login(request) ?? ''] ?? []));
  };

  it('brings its live channels', async () => {
    answers['/player_api.php'] = panel;
    const { id } = imports().create({
      kind: 'xtream',
      url: `${origin.url}/player_api.php`,
      username: 'me',
      password: 'p/w',
      enabled: false,
    });
    expect(await imports().run(id)).toMatchObject({ state: 'done', added: 2, skipped: 1 });
    const { items } = gateway.gateway.channels.page({ offset: 0, limit: 5 });
    expect(
      items.map(({ name, guideId, logoUrl, categoryId, sources }) => [
        name,
        guideId,
        logoUrl,
        gateway.gateway.categories.get(categoryId).name,
        sources[0]!.spec,
      ]),
    ).toEqual([
      [
        'One "HD"',
        'one.tv',
        'http://l/1.png',
        'Sports',
        { kind: 'http', url: `${origin.url}/live/me/p%2Fw/101.ts`, headers: {} },
      ],
      ['Two {', null, null, 'Uncategorized', { kind: 'http', url: `${origin.url}/live/me/p%2Fw/102.ts`, headers: {} }],
    ]);
  });

  it('that is refused changes nothing', async () => {
    answers['/player_api.php'] = panel;
    const { id } = imports().create({
      kind: 'xtream',
      url: origin.url,
      username: 'me',
      password: 'wrong',
      enabled: false,
    });
    expect(await imports().run(id)).toMatchObject({ state: 'failed', problem: 'The source refused the account.' });
  });
});

describe('configured lists', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'sluice-configured-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it('are read at start, can not be removed, and are left alone when the configuration names them no more', async () => {
    answers['/list'] = text(SMALL);
    const env = { ACESTREAM_ENGINES: engine.url, DATA_DIR: dataDir };
    const first = await startGateway({ ...env, SCRAPER_URLS: `${origin.url}/list`, SCRAPER_UPDATE_INTERVAL: '3600' });
    const [about] = first.gateway.imports.list();
    expect(about).toMatchObject({ configured: true, enabled: true, intervalS: 3600 });
    await until('the list to be read', () => first.gateway.channels.counts().enabled === 2);
    await expect(first.gateway.imports.remove(about!.id)).rejects.toThrow(/SCRAPER_URLS/);
    await first.close();
    const second = await startGateway(env);
    expect(second.gateway.imports.list()).toMatchObject([{ id: about!.id, configured: false, enabled: false }]);
    expect(second.gateway.channels.counts()).toEqual({ enabled: 2, disabled: 0 });
    await second.close();
  });
});

describe('a channel', () => {
  it('is opened under the key that its first source has by other routes', async () => {
    const { channels } = gateway.gateway;
    const channel = channels.create({
      name: 'One',
      sources: [
        { spec: { kind: 'engine', selector: { kind: 'content_id', value: '2'.repeat(40) }, options: {} } },
        { spec: { kind: 'engine', selector: { kind: 'infohash', value: INFOHASH }, options: {} } },
        { spec: { kind: 'http', url: 'http://a.example/1.ts', headers: { Referer: 'http://r/' } } },
      ],
    });
    const spec = await gateway.gateway.directory.channelSpecFor(channel);
    expect(spec.key).toBe(INFOHASH);
    expect(
      spec.sources.map(source => (source.kind === 'engine' ? source.content : source.headers['User-Agent'])),
    ).toEqual([INFOHASH, expect.stringMatching(/\w/)]);
    const none = { sources: channel.sources.map(source => ({ ...source, enabled: false })) };
    await expect(gateway.gateway.directory.channelSpecFor(none)).rejects.toMatchObject({
      code: 'channel_without_source',
    });
  });
});
