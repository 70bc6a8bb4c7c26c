import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { descriptorsBackTo, openDescriptors, startGateway, sum, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { Viewer, type WatchOptions } from '../helpers/viewer.ts';

const VIDEO_PID = 0x100;
const PMT_PID = 0x1000;
const SECRET = 'hunter2';

interface ErrorBody {
  error: { code: string; message: string };
}

/** The stand-in engine's endless stream plays a server of plain MPEG-TS. */
let origin: StandIn;
let gateway: TestGateway;

beforeEach(async () => {
  origin = await startStandIn();
});

afterEach(async () => {
  await gateway.close();
  await origin.close();
});

const start = async (env: Record<string, string>): Promise<void> => {
  gateway = await startGateway({ ACESTREAM_ENABLED: 'false', ...env });
};
const path = (url: string, more = ''): string => `/http/getstream?url=${encodeURIComponent(url)}${more}`;
const live = (): string => `${origin.url.replace('//', `//me:${SECRET}@`)}/raw?bps=8000000&token=${SECRET}`;
const watch = (url: string, more = '', options: WatchOptions = {}): Viewer =>
  new Viewer(gateway.port, path(url, more), options);

async function refusal(route: string, method = 'GET'): Promise<[number, string, string]> {
  const answer = await gateway.call(route, { method, anonymous: true });
  const { error } = (await answer.json()) as ErrorBody;
  return [answer.status, error.code, error.message];
}

describe.each(['handoff', 'relay'])('a plain HTTP source, watched by %s', transport => {
  beforeEach(() =>
    start({
      TRANSPORT: transport,
      ALLOW_PRIVATE_SOURCES: 'true',
      HTTP_SOURCES: `127.0.0.1:${origin.port}`,
      MAX_STREAMS: '2',
      RECOVERY_TIMEOUT: '2',
    }),
  );

  it('is opened once for all its viewers, who begin with the tables and a random-access packet', async () => {
    const first = watch(live());
    await first.more(15_000);
    const second = watch(live().replace('http://', 'HTTP://'));
    await second.more(3_000);
    for (const { status, head, check } of [first, second]) {
      expect([status, head]).toEqual([200, expect.stringContaining('Content-Type: video/mp2t')]);
      expect(check).toMatchObject({ syncErrors: 0, continuityErrors: 0, lost: 0, repeated: 0, discontinuities: 0 });
      const video = check.opening.find(({ pid }) => pid === VIDEO_PID);
      expect([check.opening[0]?.pid, check.opening[1]?.pid, video?.randomAccess]).toEqual([0, PMT_PID, true]);
    }
    expect(origin.state().rawReadersOpenNow).toBe(1);
    expect(first.check.packets - second.check.packets).toBeGreaterThan(5_000);
    first.leave();
    second.leave();
    await until('the upstream to be closed', () => origin.state().rawReadersOpenNow === 0);
  });

  it('is another stream with another address or other headers, up to the limit of streams', async () => {
    const viewers = [watch(live()), watch(live(), '&user_agent=other')];
    await Promise.all(viewers.map(viewer => viewer.more(100)));
    expect(origin.state().rawReadersOpenNow).toBe(2);
    expect((await refusal(path(`${live()}&x=1`))).slice(0, 2)).toEqual([503, 'streams_full']);
    const again = watch(live());
    await again.more(100);
    expect(origin.state().rawReadersOpenNow).toBe(2);
    for (const viewer of [...viewers, again]) viewer.leave();
  });

  it('leaves no descriptor behind, and no secret of its address in logs, keys and answers', async () => {
    await watchAndLeave();
    await until('the first stream to close', () => gateway.log.some(line => line.state === 'closed'));
    const before = await openDescriptors();
    for (let round = 0; round < 5; round++) await watchAndLeave();
    await descriptorsBackTo(before);
    expect(gateway.log.find(({ msg }) => msg === 'source opened')).toMatchObject({
      host: `127.0.0.1:${origin.port}`,
      stream: expect.stringMatching(/^http-[0-9a-f]{40}$/),
    });
    expect(JSON.stringify(gateway.log)).not.toMatch(new RegExp(`${SECRET}|/raw`));
  });

  async function watchAndLeave(): Promise<void> {
    const viewer = watch(live());
    await viewer.more(10);
    const listed = await (await gateway.call('/api/aceproxy/streams')).text();
    expect(listed).toContain(`"engine":"127.0.0.1:${origin.port}"`);
    expect(listed).not.toMatch(new RegExp(`${SECRET}|/raw`));
    viewer.leave();
    await until('the upstream to be closed', () => origin.state().rawReadersOpenNow === 0);
  }

  it('that is no stream is answered with the reason', async () => {
    for (const [address, status, code] of [
      [`${origin.url}/nowhere`, 404, 'source_not_found'],
      [`${origin.url}/webui/api/service?method=get_version`, 502, 'source_not_stream'],
    ] as const) {
      const viewer = watch(address);
      expect(await viewer.json()).toMatchObject({ error: { code } });
      expect(viewer.status).toBe(status);
    }
    expect(sum(await gateway.metric('sluice_readers'))).toBe(0);
  });

  it('that is cut off is opened again, and its viewers stay', async () => {
    const viewer = watch(live());
    await viewer.more(500);
    origin.global({ restart: true });
    await until('the recovery', () =>
      gateway.log.some(({ msg, how }) => msg === 'stream recovered' && how === 'reopen'),
    );
    await viewer.more(2_000);
    expect([viewer.check.syncErrors, viewer.check.counterJumps, viewer.isClosed]).toEqual([0, 0, false]);
    expect(origin.state().rawReadersOpenNow).toBe(1);
    viewer.leave();
  });

  it('that does not come back within RECOVERY_TIMEOUT lets its viewers go on a whole packet', async () => {
    const viewer = watch(live());
    await viewer.more(500);
    await origin.close();
    await within('the end of the connection', viewer.closed);
    expect([viewer.check.heldBytes, viewer.check.syncErrors]).toEqual([0, 0]);
    expect((await gateway.metric('sluice_reader_detaches_total'))['{reason="source-failed"}']).toBe(1);
    origin = await startStandIn();
  });
});

describe('viewers of plain HTTP sources', () => {
  it('may open nothing by default, and are told which option is missing', async () => {
    await start({});
    for (const url of [live(), 'http://8.8.8.8/', 'http://tv.example/']) {
      const [status, code, message] = await refusal(path(url));
      expect([status, code]).toEqual([403, 'source_not_allowed']);
      expect(message).toContain('HTTP_SOURCES');
    }
  });

  it('may open no host that is not listed, nor name one as an alternate', async () => {
    await start({ HTTP_SOURCES: 'tv.example', ALLOW_PRIVATE_SOURCES: 'true' });
    expect((await refusal(path(live())))[1]).toBe('source_not_allowed');
    expect((await refusal(path('http://tv.example/', `&url=${encodeURIComponent(live())}`)))[1]).toBe(
      'source_not_allowed',
    );
    expect(origin.state().rawReadersOpenNow).toBe(0);
  });

  it.each(['127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]', '[::1]'])(
    'may open no private address by default, even where every host is listed: %s',
    async host => {
      await start({ HTTP_SOURCES: '*' });
      const [status, code, message] = await refusal(path(`http://${host}:${origin.port}/raw`));
      expect([status, code]).toEqual([403, 'source_not_allowed']);
      expect(message).toContain('ALLOW_PRIVATE_SOURCES');
      expect(origin.state().rawReadersOpenNow).toBe(0);
    },
  );

  it('are held to the same rules as those of contents: addresses, methods, HEAD, web pages', async () => {
    await start({ HTTP_SOURCES: '*', ALLOW_PRIVATE_SOURCES: 'true' });
    const head = await gateway.call(path(live()), { method: 'HEAD', anonymous: true });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'video/mp2t']);
    expect((await gateway.call('/http/getstream', { method: 'HEAD', anonymous: true })).status).toBe(400);
    const asked = await gateway.call('/http/getstream', { method: 'OPTIONS', anonymous: true });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect((await refusal(path(live()), 'POST')).slice(0, 2)).toEqual([405, 'method_not_allowed']);
    expect((await refusal('/http/getstream')).slice(0, 2)).toEqual([400, 'selector_missing']);
    expect((await refusal(path(live(), '&pid=1'))).slice(0, 2)).toEqual([400, 'selector_malformed']);
    const behind = { 'x-forwarded-for': '127.0.0.1' };
    const stranger = await gateway.call(path(live()), { headers: behind, anonymous: true });
    expect(stranger.status).toBe(403);
    expect(origin.state().rawReadersOpenNow).toBe(0);
  });
});
