import { describe, expect, it } from '@jest/globals';
import { parseSelection, streamKey } from '../../../src/shared/stream-spec.ts';
import { failureOf } from '../support/waiting.ts';

const HASH = '0123456789abcdef0123456789abcdef01234567';
const OTHER = 'f'.repeat(40);
const MAGNET = `magnet:?xt=urn:btih:${HASH}`;

const parse = (query: string | Record<string, string>) => parseSelection(new URLSearchParams(query));
const keyOf = (query: string | Record<string, string>, infohash?: string) => streamKey(parse(query), infohash);

describe('the selector of a request', () => {
  it.each([
    ['id', 'content_id'],
    ['content_id', 'content_id'],
    ['infohash', 'infohash'],
  ] as const)("'%s' names a %s by 40 hexadecimal digits, in any case and with space around", (param, kind) => {
    for (const value of [HASH, HASH.toUpperCase(), ` ${HASH}\n`])
      expect(parse({ [param]: value }).selector).toEqual({ kind, value: HASH });
  });

  it.each([
    ['http://example.com/a.torrent'],
    ['https://user:secret@example.com:8443/x?y=z&t=1#f'],
    ['HTTP://EXAMPLE.COM/UPPER'],
    [`http://example.com/${'x'.repeat(2048 - 'http://example.com/'.length)}`],
  ])('url takes %s as it is', url => {
    expect(parse({ url }).selector).toEqual({ kind: 'url', value: url });
  });

  it.each([
    [MAGNET],
    [`magnet:?dn=name&xt=urn:btih:${HASH.toUpperCase()}&tr=udp%3A%2F%2Ft`],
    ['magnet:?xt=urn:btih:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'],
  ])('magnet takes %s as it is', magnet => {
    expect(parse({ magnet }).selector).toEqual({ kind: 'magnet', value: magnet });
  });

  it.each([
    ['id', ''.padEnd(39, 'a')],
    ['id', ''.padEnd(41, 'a')],
    ['id', `${HASH.slice(1)}g`],
    ['content_id', `0x${HASH.slice(2)}`],
    ['content_id', '   '],
    ['infohash', `${HASH}\0`],
    ['infohash', '../../../../../../../etc/passwd'],
    ['infohash', `${HASH} ${HASH}`],
    ['url', 'example.com/a.torrent'],
    ['url', 'ftp://example.com/a.torrent'],
    ['url', 'file:///etc/passwd'],
    ['url', 'javascript:alert(1)'],
    ['url', 'http://'],
    ['url', `http://example.com/${'x'.repeat(2048)}`],
    ['magnet', HASH],
    ['magnet', 'magnet:?dn=name'],
    ['magnet', `magnet:?xt=urn:btih:${HASH.slice(1)}`],
    ['magnet', `magnet:?xt=urn:btih:${HASH}0`],
    ['magnet', `magnet:?xt=urn:sha1:${HASH}`],
    ['magnet', `http://example.com/?x=${MAGNET}`],
    ['magnet', `${MAGNET}&dn=${'x'.repeat(2048)}`],
  ])('%s=%p is malformed, and the message names the parameter without repeating the value', async (param, value) => {
    const error = await failureOf(() => parse({ [param]: value }));
    expect(error).toMatchObject({ code: 'selector_malformed' });
    expect(String(error)).toContain(`'${param}'`);
    if (value.trim().length > 2) expect(String(error)).not.toContain(value);
  });

  it.each([
    [''],
    ['id='],
    ['id=&infohash='],
    ['foo=bar'],
    [`ID=${HASH}`],
    ['pid=x&quality=1'],
    ['constructor=1'],
    ['toString=1'],
    ['__proto__=x'],
  ])('is missing in %p', async query => {
    expect(await failureOf(() => parse(query))).toMatchObject({ code: 'selector_missing' });
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', '__proto__'])("'%s' is a parameter like any other", name => {
    expect(parse(`${name}=1&id=${HASH}`)).toEqual({ selector: { kind: 'content_id', value: HASH }, options: {} });
    expect(keyOf(`id=${HASH}&${name}=1`)).toBe(HASH);
  });

  it.each([
    [`id=${HASH}&infohash=${HASH}`, "'id' and 'infohash'"],
    [`id=${HASH}&content_id=${HASH}`, "'id' and 'content_id'"],
    [`id=${HASH}&id=${OTHER}`, "'id' and 'id'"],
    [`url=http://a/&magnet=x&id=${HASH}`, "'url' and 'magnet' and 'id'"],
  ])('must be the only one: %s is a conflict', async (query, named) => {
    const error = await failureOf(() => parse(query));
    expect(error).toMatchObject({ code: 'selector_conflict' });
    expect(String(error)).toContain(named);
  });

  it('does not count empty parameters as selectors', () => {
    expect(parse(`id=&content_id=&infohash=${HASH}`).selector).toEqual({ kind: 'infohash', value: HASH });
  });
});

describe('the options of a request', () => {
  it('are those of the engine that a viewer may set; session parameters and unknown ones are ignored', () => {
    const query = `id=${HASH}&pid=42&format=json&foo=bar&transcode_audio=1&use_api_events=1&quality=hd&_idx=2`;
    expect(parse(query).options).toEqual({ transcode_audio: '1', quality: 'hd', _idx: '2' });
  });

  it('may be 64 characters long, not more', async () => {
    expect(parse({ id: HASH, quality: 'x'.repeat(64) }).options.quality).toHaveLength(64);
    const error = await failureOf(() => parse({ id: HASH, quality: 'x'.repeat(65) }));
    expect(error).toMatchObject({ code: 'selector_malformed' });
    expect(String(error)).toContain("'quality'");
  });

  it('of an unknown name may be as long as they like', () => {
    expect(parse({ id: HASH, foo: 'x'.repeat(1000) }).options).toEqual({});
  });
});

describe('the key of a stream', () => {
  it('is the same for all spellings of one selection', () => {
    const keys = [
      `id=${HASH}&quality=1&transcode_audio=1`,
      `transcode_audio=1&content_id=${HASH.toUpperCase()}&quality=1`,
      `quality=1&id=+${HASH}+&pid=7&transcode_audio=1&nonsense=9`,
    ].map(query => keyOf(query));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toBe(`${HASH}?quality=1&transcode_audio=1`);
  });

  it('does not depend on the player id or unknown parameters', () => {
    expect(keyOf(`id=${HASH}&pid=1&x=1`)).toBe(keyOf(`id=${HASH}&pid=2&x=2`));
  });

  it('differs by content and by option', () => {
    const keys = [`id=${HASH}`, `id=${OTHER}`, `id=${HASH}&quality=1`, `id=${HASH}&quality=2`].map(q => keyOf(q));
    expect(new Set(keys).size).toBe(4);
  });

  it('is the infohash where it is known, so that id, url and magnet of one content share a stream', () => {
    const url = new URLSearchParams({ url: 'http://example.com/a', quality: '1' }).toString();
    expect(keyOf(`id=${OTHER}`, HASH)).toBe(HASH);
    expect(keyOf({ magnet: MAGNET }, HASH)).toBe(HASH);
    expect(keyOf(url, HASH)).toBe(`${HASH}?quality=1`);
  });

  it.each([
    [{ url: 'https://user:hunter2@example.com/a?token=hunter2' }],
    [{ magnet: `${MAGNET}&tr=http%3A%2F%2Ftracker%2Fhunter2` }],
  ])('never shows what was pasted as url or magnet: %j', query => {
    const [kind, value] = Object.entries(query)[0]!;
    const key = keyOf(query);
    expect(key).toMatch(new RegExp(`^${kind}-[0-9a-f]{40}$`));
    expect(key).not.toContain('hunter2');
    expect(keyOf({ [kind]: value! })).toBe(key);
    expect(keyOf({ [kind]: `${value}&z=1` })).not.toBe(key);
  });

  it('cannot be confused by what an option holds', () => {
    expect(keyOf({ id: HASH, quality: '1&transcode_audio=1' })).not.toBe(
      keyOf(`id=${HASH}&quality=1&transcode_audio=1`),
    );
  });
});
