import { describe, expect, it } from '@jest/globals';
import { httpStreamKey } from '../../../src/shared/http-selection.ts';
import { parseStreamAddress } from '../../../src/shared/stream-address.ts';

const HASH = '94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209';
const CAPS = HASH.toUpperCase();
const MAGNET = `magnet:?xt=urn:btih:${HASH}&dn=Some+channel&tr=udp%3A%2F%2Ftracker.example%3A80`;

const engine = (kind: string, value = HASH, options = {}) => ({
  address: { kind: 'engine', selector: { kind, value }, options },
});
const http = (url: string, headers = {}) => ({ address: { kind: 'http', url, headers } });

describe('an address of a stream', () => {
  it.each([
    [HASH, engine('content_id')],
    [`  ${CAPS}\t`, engine('content_id')],
    [`acestream://${CAPS}`, engine('content_id')],
    [`ACESTREAM://${HASH}/`, engine('content_id')],
    [`acestream:${HASH}`, engine('content_id')],
    [`acestream:///${HASH}?name=x`, engine('content_id')],
    [`"acestream://${HASH}"`, engine('content_id')],
    [`acestream://${HASH}|User-Agent=x`, engine('content_id')],
    [`acestream:?infohash=${HASH}`, engine('infohash')],
    [`acestream://?content_id=${HASH}`, engine('content_id')],
    [`infohash:${CAPS}`, engine('infohash')],
    [`infohash://${HASH}`, engine('infohash')],
    [MAGNET, engine('magnet', MAGNET)],
    [`http://127.0.0.1:6878/ace/getstream?id=${CAPS}`, engine('content_id')],
    [`http://127.0.0.1:6878/ace/getstream?id=acestream://${HASH}`, engine('content_id')],
    [`http://proxy.example/ace/getstream/?content_id=${HASH}&pid=7&format=json`, engine('content_id')],
    [`https://proxy.example/tv/ace/getstream?infohash=${HASH}`, engine('infohash')],
    [
      `http://[::1]:6878/ace/manifest.m3u8?id=${HASH}&transcode_audio=1`,
      engine('content_id', HASH, { transcode_audio: '1' }),
    ],
    [`http://engine/ace/getstream?magnet=${encodeURIComponent(MAGNET)}`, engine('magnet', MAGNET)],
    [`http://proxy.example:8080/?id=${HASH}`, engine('content_id')],
    [`http://proxy.example/getstream?id=${HASH}`, engine('content_id')],
    [`http://proxy.example/whatever?infohash=${HASH}`, engine('infohash')],
    [`http://proxy.example:8000/pid/${HASH}/stream.mp4`, engine('content_id')],
    [`http://proxy.example:8000/content_id/${HASH}/news.ts`, engine('content_id')],
    [`http://proxy.example:8000/infohash/${HASH}`, engine('infohash')],
    [`plugin://script.module.horus?action=play&id=${HASH}&title=x`, engine('content_id')],
    [`plugin://program.plexus/?url=acestream%3A%2F%2F${HASH}&mode=1&name=x`, engine('content_id')],
    [`plugin://plugin.video.horus?action=play&infohash=${HASH}`, engine('infohash')],
    ['http://tv.example/news.ts', http('http://tv.example/news.ts')],
    ['HTTPS://TV.Example:443/news.ts#now', http('https://tv.example/news.ts')],
    ['http://user:pass@tv.example/live/1.ts', http('http://user:pass@tv.example/live/1.ts')],
    ['http://tv.example/a channel.ts', http('http://tv.example/a%20channel.ts')],
    // A digest that is none of a content.
    [`http://cdn.example/live/news.ts?id=${HASH}`, http(`http://cdn.example/live/news.ts?id=${HASH}`)],
    ['http://engine:6878/ace/getstream?id=short', http('http://engine:6878/ace/getstream?id=short')],
    [
      'http://tv.example/a.ts|User-Agent=VLC%2F3.0&referer=http://x/&Cookie=a=b&Host=evil&Range=bytes',
      http('http://tv.example/a.ts', { 'User-Agent': 'VLC/3.0', Referer: 'http://x/', Cookie: 'a=b' }),
    ],
    ['http://tv.example/a.ts|useragent=100%', http('http://tv.example/a.ts', { 'User-Agent': '100%' })],
  ])('%s is understood', (text, expected) => {
    expect(parseStreamAddress(text)).toEqual(expected);
  });

  it.each([
    '',
    '   ',
    'news.ts',
    '/srv/media/news.ts',
    'rtmp://tv.example/live',
    'udp://@239.0.0.1:1234',
    'rtsp://tv.example/1',
    'file:///etc/passwd',
    'sop://broker.example:3912/6001',
    'javascript:alert(1)',
    `${HASH}0`,
    'acestream://abc',
    `acestream://${HASH}abc`,
    'magnet:?dn=nothing',
    'plugin://plugin.video.youtube/?video_id=x',
    'http://',
    'http:/tv.example/a.ts',
    `http://tv.example/${'a'.repeat(5000)}`,
    'http://tv.example:99999/',
  ])('%s is refused with a reason that repeats nothing of it', text => {
    const parsed = parseStreamAddress(text);
    expect(parsed).toEqual({ refused: expect.stringMatching(/\w/) });
    if (text.length > 12) expect(JSON.stringify(parsed)).not.toContain(text.slice(-12));
  });

  it('takes headers from elsewhere, behind its own', () => {
    expect(
      parseStreamAddress('http://a/b|User-Agent=mine', { 'http-user-agent': 'theirs', referrer: 'http://r/' }),
    ).toEqual(http('http://a/b', { 'User-Agent': 'mine', Referer: 'http://r/' }));
  });

  it('never sends more than a few headers, nor one that breaks lines', () => {
    const many = Array.from({ length: 50 }, (_, n) => `X-${n}=1`).join('&');
    const { address } = parseStreamAddress(`http://a/b|${many}`) as ReturnType<typeof http>;
    expect(Object.keys(address.headers)).toHaveLength(8);
    expect(parseStreamAddress('http://a/b|X-A=1%0d%0aHost: b')).toEqual(http('http://a/b'));
  });

  it('gives the key of /http/getstream with the same headers in any order', () => {
    const key = (headers: Record<string, string>) => httpStreamKey([{ kind: 'http', url: 'http://a/b', headers }]);
    expect(key({ 'User-Agent': 'x', Referer: 'y' })).toBe(key({ Referer: 'y', 'User-Agent': 'x' }));
  });
});
