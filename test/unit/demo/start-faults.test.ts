import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FaultPatch } from '../../../workers/demo/fault-set.ts';
import { type StandIn, startStandIn } from '../../helpers/stand-in.ts';
import { type Answer, type Control, getJson, locationOf, open, poll, start, statOf } from './player.ts';
import { WireRequest, within } from './wire-client.ts';

const infohash = '5'.repeat(40);

let standIn: StandIn;

beforeEach(async () => {
  standIn = await startStandIn();
});

afterEach(async () => {
  await standIn.close();
});

const put = (faults: FaultPatch): unknown =>
  standIn.putContent(infohash, { kind: 'synthetic', bitsPerSecond: 800_000, faults });

const startUrl = (): string => `${standIn.url}/ace/getstream?format=json&infohash=${infohash}&pid=a`;

describe('before the control document', () => {
  it('slowJson holds the answer back', async () => {
    put({ slowJson: { delayMs: 150, times: 1 } });
    const beganMs = performance.now();
    await start(standIn, infohash);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(149);
  });

  it('unknownId fails after the delay of the catalogue', async () => {
    put({ unknownId: {} });
    expect(await getJson(startUrl())).toEqual({ response: null, error: 'failed to load content' });
  });

  it('premium refuses JSON but redirects', async () => {
    put({ premium: {} });
    expect((await getJson<Answer>(startUrl())).response).toBeNull();
    expect(await locationOf(`${standIn.url}/ace/getstream?infohash=${infohash}`)).toContain('/ace/r/');
  });

  it('wrongHost, of a content or of the engine, names another host in every URL', async () => {
    put({ wrongHost: { host: 'acestream:6878', times: 1 } });
    expect((await start(standIn, infohash)).stat_url).toMatch(/^http:\/\/acestream:6878\/ace\/stat\//);
    expect((await start(standIn, infohash)).stat_url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    standIn.global({ wrongHost: 'localhost:1' });
    expect((await start(standIn, infohash)).playback_url).toMatch(/^http:\/\/localhost:1\/ace\/r\//);
  });

  it('garbagePlaybackUrl gives a URL that is none', async () => {
    put({ garbagePlaybackUrl: {} });
    expect(URL.canParse((await start(standIn, infohash)).playback_url)).toBe(false);
  });

  it('resolve makes get_media_files slow or fail', async () => {
    const { contentId } = standIn.putContent(infohash, {
      kind: 'synthetic',
      faults: { resolve: { fail: true, times: 1 } },
    });
    const url = `${standIn.url}/server/api?api_version=3&method=get_media_files&content_id=${contentId}`;
    expect(await getJson(url)).toMatchObject({ error: { message: 'cannot get transport file', code: 0 } });
    expect(await getJson(url)).toMatchObject({ result: { infohash } });
  });
});

describe('a malformed answer', () => {
  it.each(['html', 'truncated', 'empty'] as const)('of kind %s is no JSON', async kind => {
    put({ badJson: { kind, times: 1 } });
    const response = await fetch(startUrl());
    expect(response.status).toBe(200);
    await expect(response.json()).rejects.toThrow();
    expect((await getJson<Answer>(startUrl())).error).toBeNull();
  });

  it('of kind endless never ends', async () => {
    const control = await start(standIn, infohashWith({ badJson: { kind: 'endless', on: 'stat' } }));
    const request = new WireRequest(control.stat_url);
    await request.body(5_000_000);
    expect(request.ending).toBeUndefined();
    request.close();
  });

  it('of kind hugeHeaders has more header than clients take', async () => {
    put({ badJson: { kind: 'hugeHeaders' } });
    const request = new WireRequest(startUrl());
    expect((await request.head()).length).toBeGreaterThan(200_000);
    request.close();
  });

  it('concerns only the answers named', async () => {
    const control = await start(standIn, infohashWith({ badJson: { kind: 'html', on: 'stat' } }));
    expect(await (await fetch(control.stat_url)).text()).toMatch(/^<html>/);
    expect(await getJson(`${control.command_url}?method=stop`)).toEqual({ response: 'ok', error: null });
  });
});

/** Puts the content with these faults. */
function infohashWith(faults: FaultPatch): string {
  put(faults);
  return infohash;
}

describe('the playback URL', () => {
  it('redirectKeptOpen leaves the connection open behind the body', async () => {
    const control = await start(standIn, infohashWith({ redirectKeptOpen: { times: 1 } }));
    const kept = new WireRequest(control.playback_url);
    await kept.body(20);
    const closed = new WireRequest(control.playback_url);
    await closed.ended();
    expect(kept.ending).toBeUndefined();
    kept.close();
  });

  it('redirectLoop leads back to itself', async () => {
    const control = await start(standIn, infohashWith({ redirectLoop: {} }));
    expect(await locationOf(control.playback_url)).toBe(control.playback_url);
  });

  it('redirectElsewhere leads to the location given', async () => {
    const control = await start(standIn, infohashWith({ redirectElsewhere: { location: 'http://10.0.0.1/private' } }));
    expect(await locationOf(control.playback_url)).toBe('http://10.0.0.1/private');
  });

  it('decimalToken leads to a decimal fraction that plays', async () => {
    const control = await start(standIn, infohashWith({ decimalToken: {} }));
    const location = await locationOf(control.playback_url);
    expect(location).toMatch(/\/0\.\d+$/);
    const request = new WireRequest(location);
    expect((await request.body(188))[0]).toBe(0x47);
    request.close();
  });

  it('failToStart answers 500', async () => {
    const control = await start(standIn, infohashWith({ failToStart: {} }));
    const response = await fetch(control.playback_url);
    expect([response.status, await response.text()]).toEqual([500, 'failed to start']);
  });

  it('secondReader treats the only reader as a second one, once', async () => {
    const control = await start(standIn, infohashWith({ secondReader: {} }));
    await expect(fetch(control.playback_url)).rejects.toThrow();
    const request = await open(control);
    await request.body(188);
    request.close();
  });

  it('manyReaders lets several in', async () => {
    const control = await start(standIn, infohashWith({ manyReaders: {} }));
    const requests = [await open(control), await open(control)];
    for (const request of requests) await request.body(188);
    expect(standIn.state()).toMatchObject({ readersOpenNow: 2, counts: { secondReaders: 0 } });
    for (const request of requests) request.close();
  });
});

describe('before data flows', () => {
  it('slowStart holds the headers while the status goes from idle over prebuf to dl', async () => {
    const control = await start(standIn, infohashWith({ slowStart: { delayMs: 400 } }));
    const request = await open(control);
    const seen = new Set<unknown>();
    await poll('status dl', async () => {
      const { response } = await statOf(control);
      if (response?.status !== 'dl') expect(request.received).toHaveLength(0);
      seen.add(response?.status);
      return response?.status === 'dl';
    });
    expect([...seen]).toEqual(['idle', 'prebuf', 'dl']);
    await request.body(188);
    request.close();
  });

  it.each([
    ['noPeers', { noPeers: {} }, { noPeers: null }, 0],
    ['peersNoData', { peersNoData: { peers: 7 } }, { peersNoData: null }, 7],
  ] as const)('%s stays in prebuf without headers until it is lifted', async (_, fault, lifted, peers) => {
    const control = await start(standIn, infohashWith(fault));
    const request = await open(control);
    await poll('status prebuf', async () => (await statOf(control)).response?.status === 'prebuf');
    expect((await statOf(control)).response).toMatchObject({ peers, downloaded: 0, speed_down: 0 });
    expect(request.received).toHaveLength(0);
    standIn.patchContent(infohash, { faults: lifted });
    await request.body(188);
    request.close();
  });
});

describe('stat and command', () => {
  let control: Control;

  it('emptyStat answers an empty object first', async () => {
    control = await start(standIn, infohashWith({ emptyStat: { times: 1 } }));
    expect(await statOf(control)).toEqual({ response: {}, error: null });
    expect((await statOf(control)).response).toHaveProperty('status');
  });

  it('unknownSession denies the session while its body goes on', async () => {
    control = await start(standIn, infohashWith({}));
    const request = await open(control);
    await request.body(188);
    standIn.patchContent(infohash, { faults: { unknownSession: {} } });
    expect((await statOf(control)).error).toBe('unknown playback session id');
    await request.body(request.received.length + 10_000);
    request.close();
  });

  it('stopHangs and statHangs never answer, and nothing is stopped', async () => {
    control = await start(standIn, infohashWith({ stopHangs: {}, statHangs: { times: 1 } }));
    const requests = [new WireRequest(`${control.command_url}?method=stop`), new WireRequest(control.stat_url)];
    await poll('both calls', () => standIn.state().counts.stops + standIn.state().counts.statPolls === 2);
    expect((await statOf(control)).response).toHaveProperty('status');
    for (const request of requests) {
      expect(request.received).toHaveLength(0);
      request.close();
    }
  });
});

describe('the engine', () => {
  const version = (): string => `${standIn.url}/webui/api/service?method=get_version`;

  it('down takes connections and closes them', async () => {
    standIn.global({ down: true });
    const request = new WireRequest(version());
    await request.ended();
    expect(request.received).toHaveLength(0);
    standIn.global({ down: false });
    expect(await getJson(version())).toMatchObject({ error: null });
  });

  it('hang never answers, but the control API does', async () => {
    standIn.global({ hang: true });
    const request = new WireRequest(version());
    const state = await getJson<{ global: object }>(`${standIn.url}/sim/state`);
    expect(state.global).toEqual({ hang: true });
    expect(request.received).toHaveLength(0);
    request.close();
  });

  it('status503 answers everything with 503', async () => {
    standIn.global({ status503: true });
    expect((await fetch(version())).status).toBe(503);
  });

  it('networkDisconnected shows in the connection status only', async () => {
    standIn.global({ networkDisconnected: true });
    const status = `${standIn.url}/server/api?api_version=3&method=get_network_connection_status`;
    expect(await getJson(status)).toEqual({ result: { connected: false } });
    expect(await getJson(version())).toMatchObject({ error: null });
  });
});

describe('the control API', () => {
  const send = (method: string, path: string, body: unknown): Promise<Response> =>
    within(path, fetch(`${standIn.url}/sim/${path}`, { method, body: JSON.stringify(body) }));

  it('adds contents, switches faults and shows the state', async () => {
    const contentId = '7'.repeat(40);
    const put = await send('PUT', `contents/${infohash}`, { contentId, kind: 'synthetic', name: 'Nine' });
    expect(await put.json()).toEqual({ infohash, contentId, name: 'Nine' });
    const patch = await send('PATCH', `contents/${infohash}`, { faults: { unknownId: { times: 1 } } });
    expect(await patch.json()).toEqual({ infohash, faults: { unknownId: { times: 1 } } });
    expect((await getJson<Answer>(startUrl())).error).toBe('failed to load content');
    await start(standIn, infohash, 'me');
    const state = await getJson(`${standIn.url}/sim/state`);
    expect(state).toMatchObject({ sessions: [{ infohash, pid: 'me', readerOpen: false }], readersOpenNow: 0 });
  });

  it.each([
    ['a fault that does not exist', 'PUT', `contents/${infohash}`, { kind: 'clip', faults: { explode: {} } }],
    ['a content that does not exist', 'PATCH', `contents/${infohash}`, { faults: {} }],
    ['an infohash that is none', 'PUT', 'contents/12', { kind: 'clip' }],
    ['a kind that does not exist', 'PUT', `contents/${infohash}`, { kind: 'film' }],
    ['a global fault that does not exist', 'POST', 'global', { explode: true }],
  ])('refuses %s with the reason', async (_, method, path, body) => {
    const response = await send(method, path, body);
    expect([response.status, await response.json()]).toEqual([400, { error: expect.any(String) }]);
  });
});
