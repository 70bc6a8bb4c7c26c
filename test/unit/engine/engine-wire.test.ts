import { describe, expect, it } from '@jest/globals';
import {
  commandPathOf,
  enginePath,
  parseMediaInfo,
  parseNetworkStatus,
  parseSession,
  parseStat,
  parseVersion,
  tame,
  unwrap,
} from '../../../src/engine/engine-wire.ts';
import { failureOf } from '../support/waiting.ts';

const HASH = '0123456789abcdef0123456789abcdef01234567';
const NOT_OBJECTS: [unknown][] = [[undefined], [null], [1], ['text'], [[]], [true]];

describe('an envelope', () => {
  it.each([
    [{ response: { a: 1 }, error: null }, { a: 1 }],
    [{ response: 'ok', error: null }, 'ok'],
    [{ result: { a: 1 } }, { a: 1 }],
    [{ result: { a: 1 }, error: '' }, { a: 1 }],
    [{ response: null, result: 1 }, null],
    [{}, undefined],
  ])('%j holds %j', (envelope, payload) => {
    expect(unwrap(envelope)).toEqual(payload);
  });

  it.each([
    ['unknown playback session id', 'session_lost'],
    ['Unknown Playback Session', 'session_lost'],
    ['failed to load content', 'content_not_found'],
    ['Cannot get transport file: timeout', 'content_not_found'],
    ['failed to get manifest', 'content_not_found'],
    ['premium account required', 'engine_refused'],
    [{ message: 'failed to load content' }, 'content_not_found'],
    [{ message: 'no' }, 'engine_refused'],
    [{ code: 5 }, 'engine_refused'],
    [42, 'engine_refused'],
    [true, 'engine_refused'],
  ])('with error %j is %s', async (error, code) => {
    for (const rest of [{ response: null }, { response: { a: 1 } }, { result: {} }, {}])
      expect(await failureOf(() => unwrap({ ...rest, error }))).toMatchObject({ code });
  });

  it.each(NOT_OBJECTS)('that is %p makes no sense', async answer => {
    expect(await failureOf(() => unwrap(answer))).toMatchObject({ code: 'engine_bad_answer' });
  });

  it('with a long error full of control characters ends up as a short tame text', async () => {
    const error = (await failureOf(() => unwrap({ error: `a\r\nb\0c\x1b[31m${'x'.repeat(5000)}` }))) as Error;
    expect(Array.from(error.message).filter(char => char < ' ')).toEqual([]);
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('a tamed text', () => {
  it.each([
    ['  plain ', 'plain'],
    ['a\nb', 'a b'],
    [undefined, 'undefined'],
    [12, '12'],
    ['x'.repeat(500), 'x'.repeat(200)],
  ])('of %p is %p', (text, tamed) => {
    expect(tame(text)).toBe(tamed);
  });
});

describe('an address that the engine names', () => {
  it.each([
    ['http://127.0.0.1:6878/ace/r/abc/def', '/ace/r/abc/def'],
    ['http://169.254.169.254/ace/r/abc', '/ace/r/abc'],
    ['https://evil.example/content/x/0.1?y=z&a=b', '/content/x/0.1?y=z&a=b'],
    ['http://user:pw@evil.example:99/hls/x.m3u8#frag', '/hls/x.m3u8'],
    ['/ace/cmd/1/2', '/ace/cmd/1/2'],
    ['//evil.example/ace/stat/1', '/ace/stat/1'],
    ['http://e/ace/a/../b', '/ace/b'],
    [`/ace/${'x'.repeat(2043)}`, `/ace/${'x'.repeat(2043)}`],
  ])('%s counts as %s on the configured engine', (address, path) => {
    expect(enginePath(address, 'it')).toBe(path);
  });

  it.each([
    [undefined],
    [null],
    [7],
    [{}],
    [''],
    ['http://'],
    ['file:///ace/r'],
    ['ftp://engine/ace/r'],
    ['javascript:/ace/r'],
    ['data:/ace/r'],
    ['/webui/api/service?method=shutdown'],
    ['/server/api'],
    ['/ace'],
    ['/acex/r'],
    ['/'],
    ['ace.html'],
    ['http://engine/ace/../webui/api/service'],
    ['http://engine/ace/%2e%2e/webui/api/service'],
    ['http://engine/ace\\..\\webui/api'],
    [`/ace/${'x'.repeat(2044)}`],
  ])('%p is refused', async address => {
    const error = await failureOf(() => enginePath(address, 'playback_url'));
    expect(error).toMatchObject({ code: 'engine_bad_answer' });
    expect(String(error)).toContain('playback_url');
  });
});

describe('the control document of a session', () => {
  const good = {
    infohash: HASH.toUpperCase(),
    playback_url: `http://10.0.0.1:6878/ace/r/${HASH}/x`,
    stat_url: `http://10.0.0.1:6878/ace/stat/${HASH}/x`,
    command_url: `http://10.0.0.1:6878/ace/cmd/${HASH}/x`,
    is_live: 1,
  };

  it('names the content and three paths on the engine', () => {
    expect(parseSession(good)).toEqual({
      infohash: HASH,
      playbackPath: `/ace/r/${HASH}/x`,
      statPath: `/ace/stat/${HASH}/x`,
      commandPath: `/ace/cmd/${HASH}/x`,
      isLive: true,
    });
  });

  it.each<[unknown, boolean]>([
    [1, true],
    [0, false],
    [-1, true],
    [undefined, true],
    [null, true],
  ])('counts as live with is_live %p: %p, because only a plain 0 promises an end', (isLive, expected) => {
    expect(parseSession({ ...good, is_live: isLive }).isLive).toBe(expected);
  });

  it.each<[unknown]>([
    ...NOT_OBJECTS,
    [{}],
    [{ ...good, infohash: undefined }],
    [{ ...good, infohash: 'abc' }],
    [{ ...good, infohash: `${HASH}0` }],
    [{ ...good, playback_url: undefined }],
    [{ ...good, stat_url: 'http://engine/' }],
    [{ ...good, command_url: 'file:///etc/passwd' }],
  ])('is refused when it is %j', async payload => {
    expect(await failureOf(() => parseSession(payload))).toMatchObject({ code: 'engine_bad_answer' });
  });
});

describe('where an unusable session can be stopped', () => {
  it.each([
    [{ command_url: 'http://10.0.0.1:6878/ace/cmd/1/2' }, '/ace/cmd/1/2'],
    [{ infohash: 'bad', command_url: '/ace/cmd/1' }, '/ace/cmd/1'],
    [{ command_url: 'http://10.0.0.1/webui/api/service' }, undefined],
    [{}, undefined],
    [undefined, undefined],
    ['text', undefined],
  ])('%j: %p', (payload, commandPath) => {
    expect(commandPathOf(payload)).toBe(commandPath);
  });
});

describe('other answers', () => {
  it.each([
    [{}, { status: 'idle', peers: 0, speedDown: 0, downloadedBytes: 0 }],
    [undefined, { status: 'idle', peers: 0, speedDown: 0, downloadedBytes: 0 }],
    [null, { status: 'idle', peers: 0, speedDown: 0, downloadedBytes: 0 }],
    [
      { status: 'dl', peers: 7, speed_down: 900, downloaded: 5e9 },
      { status: 'dl', peers: 7, speedDown: 900, downloadedBytes: 5e9 },
    ],
    [
      { status: 'prebuf', peers: '3', speed_down: '12.5', downloaded: null },
      { status: 'prebuf', peers: 3, speedDown: 12.5, downloadedBytes: 0 },
    ],
    [
      { status: `x\n${'y'.repeat(50)}`, peers: -1, speed_down: 'fast', downloaded: 'Infinity' },
      { status: `x ${'y'.repeat(18)}`, peers: 0, speedDown: 0, downloadedBytes: 0 },
    ],
  ])('statistics %j are %j', (payload, stat) => {
    expect(parseStat(payload)).toEqual(stat);
  });

  it.each<[unknown, number | undefined]>([
    [{ pos: '1', first_ts: '2', last: '1700000000', is_live: '1', buffer_pieces: '30' }, 1_700_000_000],
    [{ last: 1_700_000_000 }, 1_700_000_000],
    [{ last: '-1' }, undefined],
    [{ last: 'soon' }, undefined],
    [{ live_last: '1700000000' }, undefined],
    [{}, undefined],
    [null, undefined],
    ['1700000000', undefined],
    [undefined, undefined],
  ])('statistics with livepos %j are at the live position %p', (livepos, position) => {
    expect(parseStat({ status: 'dl', livepos }).livePosition).toBe(position);
  });

  it.each([[1], ['text'], [[]]])('statistics that are %p make no sense', async payload => {
    expect(await failureOf(() => parseStat(payload))).toMatchObject({ code: 'engine_bad_answer' });
  });

  it('a version is a text, its platform may be missing', () => {
    expect(parseVersion({ version: '3.2.3', platform: 'linux', code: 3020300 })).toEqual({
      version: '3.2.3',
      platform: 'linux',
    });
    expect(parseVersion({ version: '3.2.3' })).toEqual({ version: '3.2.3', platform: 'unknown' });
  });

  it.each<[unknown]>([...NOT_OBJECTS, [{}], [{ version: 3 }], [{ version: null }]])(
    'a version in %j is refused',
    async payload => {
      expect(await failureOf(() => parseVersion(payload))).toMatchObject({ code: 'engine_bad_answer' });
    },
  );

  it.each([
    [{ connected: true }, true],
    [{ connected: false }, false],
    [{ connected: 'true' }, false],
    [{}, false],
  ])('the network status %j is %p', (payload, connected) => {
    expect(parseNetworkStatus(payload)).toBe(connected);
  });

  it.each([
    [
      { infohash: HASH.toUpperCase(), name: 'A name' },
      { infohash: HASH, name: 'A name' },
    ],
    [
      { infohash: HASH, name: 'a\nb', files: [] },
      { infohash: HASH, name: 'a b' },
    ],
    [{ infohash: HASH }, { infohash: HASH, name: undefined }],
    [
      { infohash: HASH, name: 5 },
      { infohash: HASH, name: undefined },
    ],
  ])('media files %j are %j', (payload, info) => {
    expect(parseMediaInfo(payload)).toEqual(info);
  });

  it.each<[unknown]>([...NOT_OBJECTS, [{}], [{ infohash: 'x' }]])('media files in %j are refused', async payload => {
    expect(await failureOf(() => parseMediaInfo(payload))).toMatchObject({ code: 'engine_bad_answer' });
  });
});
