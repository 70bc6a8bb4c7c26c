import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEMO_CONTENTS } from '../../../workers/demo/contents.ts';
import { type StandIn, startStandIn } from '../../helpers/stand-in.ts';
import { type Answer, type Control, getJson, locationOf, open, start, statOf } from './player.ts';
import { keyFrames, problems, stamps } from './transport-stream.ts';
import { WireRequest } from './wire-client.ts';

const [demo] = DEMO_CONTENTS;
const bench = (index: number): string => `${'b'.repeat(32)}${index.toString(16).padStart(8, '0')}`;

let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn();
});

afterAll(async () => {
  await standIn.close();
});

const get = (path: string): Promise<Answer & { result?: unknown }> => getJson(standIn.url + path);

describe('the service calls', () => {
  it('tell version, status and network', async () => {
    const version = { code: 3_021_100, platform: 'linux', version: '3.2.11' };
    expect(await get('/webui/api/service?method=get_version')).toMatchObject({ result: version, error: null });
    const api = '/server/api?api_version=3&method=';
    expect(await get(`${api}get_status`)).toEqual({ result: { playlist_loaded: true, version } });
    expect(await get(`${api}get_network_connection_status`)).toEqual({ result: { connected: true } });
    expect(await get(`${api}get_api_access_token`)).toEqual({
      result: { token: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  it('deny access without an API version and know only their methods', async () => {
    expect(await get('/server/api?method=get_status')).toEqual({ result: null, error: 'access denied' });
    const unknown = { result: null, error: { message: 'unknown method', code: 0 } };
    expect(await get('/server/api?api_version=3&method=get_content_info')).toEqual(unknown);
  });

  it('resolve a content id to infohash and name without a session', async () => {
    const answer = await get(`/server/api?api_version=3&method=get_media_files&content_id=${demo!.contentId}`);
    expect(answer.result).toMatchObject({
      infohash: demo!.infohash,
      name: demo!.name,
      type: 'live',
      transport_type: 'bt',
    });
    expect(standIn.state().sessions).toEqual([]);
  });

  it("don't resolve an unknown id, nor an infohash given as one", async () => {
    const failure = { result: null, error: { message: 'cannot get transport file', code: 0 } };
    for (const id of ['0'.repeat(40), demo!.infohash])
      expect(await get(`/server/api?api_version=3&method=get_media_files&content_id=${id}`)).toEqual(failure);
  });

  it('find contents by name', async () => {
    const { result } = await get('/search?query=demo%202');
    expect(result).toMatchObject({ total: 1, results: [{ name: 'Sluice demo 2' }] });
  });
});

describe('a start', () => {
  it('answers the control document with URLs of the host that was asked', async () => {
    const control = await start(standIn, bench(1), 'a', '&use_api_events=1');
    const key = control.playback_url.split('/').at(-1);
    expect(control).toEqual({
      playback_url: `${standIn.url}/ace/r/${bench(1)}/${key}`,
      stat_url: `${standIn.url}/ace/stat/${bench(1)}/${key}`,
      command_url: `${standIn.url}/ace/cmd/${bench(1)}/${key}`,
      event_url: `${standIn.url}/ace/event/${bench(1)}/${key}`,
      infohash: bench(1),
      playback_session_id: expect.stringMatching(/^[0-9a-f]{40}$/),
      is_live: 1,
      is_encrypted: 0,
      client_session_id: -1,
    });
    expect(key).toMatch(/^[0-9a-f]{32}$/);
  });

  it('redirects to the playback URL when JSON is not asked for', async () => {
    const location = await locationOf(`${standIn.url}/ace/getstream?infohash=${bench(2)}&pid=a`);
    expect(location).toMatch(new RegExp(`^${standIn.url}/ace/r/${bench(2)}/[0-9a-f]{32}$`));
  });

  it('takes the first selector in the documented order', async () => {
    const query = `content_id=${'c'.repeat(32)}00000003&infohash=${bench(4)}&magnet=magnet:?xt=urn:btih:${bench(5)}`;
    const { response } = await getJson<Answer<Control>>(`${standIn.url}/ace/getstream?format=json&${query}`);
    expect(response?.infohash).toBe(bench(3));
    const magnet = encodeURIComponent(`magnet:?xt=urn:btih:${bench(5)}`);
    const other = await getJson<Answer<Control>>(`${standIn.url}/ace/getstream?format=json&magnet=${magnet}`);
    expect(other.response?.infohash).toBe(bench(5));
  });

  it.each(['id', 'content_id', 'infohash'])('fails for a hash in %s that nobody knows', async selector => {
    const path = `/ace/getstream?${selector}=${'0'.repeat(40)}`;
    expect(await get(`${path}&format=json`)).toEqual({ response: null, error: 'failed to load content' });
    const plain = new WireRequest(standIn.url + path);
    expect(await plain.head()).toMatch(/^HTTP\/1\.1 500 /);
    plain.close();
  });

  it('takes an infohash as id only once it was loaded by that name', async () => {
    const path = `/ace/getstream?format=json&pid=a&id=${bench(6)}`;
    expect((await get(path)).error).toBe('failed to load content');
    await start(standIn, bench(6), 'a');
    expect((await get(path)).error).toBeNull();
  });

  it('without a selector is an error', async () => {
    const response = await fetch(`${standIn.url}/ace/getstream`);
    expect(response.status).toBe(500);
    expect((await get('/ace/getstream?format=json')).response).toBeNull();
  });

  it('wraps its answer in a call for format=jsonp', async () => {
    const response = await fetch(`${standIn.url}/ace/getstream?format=jsonp&callback=go&infohash=${bench(7)}`);
    expect(await response.text()).toMatch(/^go\(\{"response":\{"playback_url":.*\}\)$/);
  });
});

describe('playback', () => {
  it('redirects with a text body that only the end of the connection delimits', async () => {
    const control = await start(standIn, bench(8));
    const request = new WireRequest(control.playback_url);
    expect(await request.ended()).toBe('end');
    const [head, body] = request.received.toString().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 302 Found\r\n/);
    expect(head).not.toMatch(/content-length|transfer-encoding/i);
    expect(body).toMatch(new RegExp(`^Redirect to ${standIn.url}/content/${bench(8)}/[0-9a-f]{32}$`));
  });

  it('sends the burst at line speed and then what the clock allows', async () => {
    standIn.putContent('1'.repeat(40), { kind: 'synthetic', bitsPerSecond: 800_000, burstSeconds: 30 });
    const request = await open(await start(standIn, '1'.repeat(40)));
    expect(await request.head()).toBe('HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close');
    const startedMs = performance.now();
    const burst = await request.body(3_000_000);
    expect(performance.now() - startedMs).toBeLessThan(4000);
    expect(problems(burst)).toEqual({ sync: 0, counter: 0 });
    expect(request.received.length).toBeLessThan(3_000_000 + 5 * 100_000);
    request.close();
  });

  it('starts at the packet asked for', async () => {
    standIn.putContent('2'.repeat(40), { kind: 'clip', startOffsetPackets: 0 });
    const request = await open(await start(standIn, '2'.repeat(40)));
    const body = await request.body(12_750 * 8);
    expect(keyFrames(body)[0]).toBeLessThan(10);
    request.close();
  });

  it('waits for a reader that takes nothing and goes on without a gap', async () => {
    standIn.putContent('3'.repeat(40), { kind: 'synthetic', bitsPerSecond: 8_000_000, burstBytes: 40_000_000 });
    const request = await open(await start(standIn, '3'.repeat(40)));
    await request.body(188);
    request.pause();
    const sent = (): number => standIn.state().sessions.find(({ infohash }) => infohash === '3'.repeat(40))!.bytesSent;
    let before = -1;
    // What the sockets take is taken within a moment; a tenth of a second without progress is a full socket.
    while (sent() !== before) {
      before = sent();
      await new Promise<void>(resolve => setTimeout(resolve, 100));
    }
    expect(before).toBeLessThan(40_000_000);
    request.resume();
    const body = await request.body(20_000_000);
    expect(problems(body)).toEqual({ sync: 0, counter: 0 });
    const sequences = stamps(body).map(({ sequence }) => sequence);
    expect(sequences.at(-1)! - sequences[0]!).toBe(sequences.length - 1);
    request.close();
  });

  it('of a bytes content is a pattern without packets', async () => {
    standIn.putContent('4'.repeat(40), { kind: 'bytes', bitsPerSecond: 8_000_000, startOffsetPackets: 0 });
    const request = await open(await start(standIn, '4'.repeat(40)));
    const body = await request.body(10_000);
    expect([...body]).toEqual(Array.from({ length: 10_000 }, (_, at) => at % 251));
    request.close();
  });
});

describe('the stat document', () => {
  it('grows livepos and downloaded once data flows', async () => {
    const control = await start(standIn, bench(9));
    const request = await open(control);
    await request.head();
    const { response } = await statOf(control);
    expect(response).toMatchObject({ status: 'dl', is_live: 1, infohash: bench(9) });
    expect(response!.downloaded).toBeGreaterThan(1_000_000);
    expect((response!.downloaded as number) % 16_384).toBe(0);
    expect(response!.livepos).toMatchObject({ last: expect.stringMatching(/^\d{10}$/), buffer_pieces: '30' });
    request.close();
  });
});

describe('/raw', () => {
  it('has exactly the head simple readers skip, and any number of readers', async () => {
    const requests = [1, 2].map(() => new WireRequest(`${standIn.url}/raw?bps=2000000`));
    for (const request of requests) {
      const body = await request.body(20_000);
      expect(await request.head()).toBe('HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close');
      expect(keyFrames(body)).toEqual([2]);
      expect(stamps(body)[0]!.sequence).toBe(0);
    }
    for (const request of requests) request.close();
  });
});
