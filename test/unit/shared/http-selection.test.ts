import { describe, expect, it } from '@jest/globals';
import { type HttpSelection, httpStreamKey, parseHttpSelection } from '../../../src/shared/http-selection.ts';
import { failureOf } from '../support/waiting.ts';

const URL_1 = 'http://tv.example/one.ts';

const parse = (query: string | [string, string][]): HttpSelection =>
  parseHttpSelection(new URLSearchParams(query), 'Sluice');
const keyOf = (...query: [string, string][]): string => httpStreamKey(parse(query));

describe('the sources of a request', () => {
  it('are its addresses in the order given, each once, all with the same headers', () => {
    const selection = parse([
      ['url', URL_1],
      ['url', 'https://u:p@b.example:8443/x?y=z&t=1#part'],
      ['url', 'HTTP://TV.example:80/one.ts'],
    ]);
    const headers = { 'User-Agent': 'Sluice' };
    expect(selection).toEqual([
      { kind: 'http', url: URL_1, headers },
      { kind: 'http', url: 'https://u:p@b.example:8443/x?y=z&t=1', headers },
    ]);
  });

  it('get the headers that the request sets', () => {
    const [{ headers }] = parse([
      ['url', URL_1],
      ['user_agent', 'VLC/3.0 (x; y)'],
      ['referer', 'https://page.example/?a=b'],
    ]);
    expect(headers).toEqual({ 'User-Agent': 'VLC/3.0 (x; y)', Referer: 'https://page.example/?a=b' });
  });

  it('may be eight, of 2048 characters each', () => {
    const longest = `http://a/${'x'.repeat(2048 - 'http://a/'.length)}`;
    expect(parse([['url', longest]])[0].url).toBe(longest);
    const eight = Array.from({ length: 8 }, (_, i): [string, string] => ['url', `http://a/${i}`]);
    expect(parse(eight)).toHaveLength(8);
  });

  it.each(['', 'url=', 'url=&url=', 'user_agent=x'])('are missing in %p', async query => {
    expect(await failureOf(() => parse(query))).toMatchObject({ code: 'selector_missing' });
  });

  it.each<[string, [string, string][]]>([
    ['nine', Array.from({ length: 9 }, (_, i) => ['url', `http://a/${i}`])],
    [
      'an empty one',
      [
        ['url', URL_1],
        ['url', ''],
      ],
    ],
    ['one that is too long', [['url', `http://a/${'x'.repeat(2048)}`]]],
    ['no address', [['url', 'secret']]],
    ['a relative one', [['url', '/secret']]],
    ['one without slashes', [['url', 'http:secret.example']]],
    ['one without a host', [['url', 'http://']]],
    ['an impossible host', [['url', 'http://a b/']]],
    ['an impossible port', [['url', 'http://a:99999/']]],
    ['a broken IPv6 address', [['url', 'http://[::1/']]],
    ['another scheme', [['url', 'ftp://secret.example/']]],
    ['a file', [['url', 'file:///etc/passwd']]],
    ['a script', [['url', 'javascript:alert(1)']]],
    ['a line break', [['url', 'http://a/\r\nX-Secret: 1']]],
    ['a null character', [['url', 'http://a/\0']]],
    [
      'the rest of an address that was not encoded',
      [
        ['url', 'http://a/?x=1'],
        ['secret', '2'],
      ],
    ],
    [
      'an unknown parameter',
      [
        ['url', URL_1],
        ['secret', ''],
      ],
    ],
    [
      'a name of every object',
      [
        ['url', URL_1],
        ['constructor', '1'],
      ],
    ],
    [
      'two user agents',
      [
        ['url', URL_1],
        ['user_agent', 'a'],
        ['user_agent', 'b'],
      ],
    ],
    [
      'an empty user agent',
      [
        ['url', URL_1],
        ['user_agent', ''],
      ],
    ],
    [
      'a long user agent',
      [
        ['url', URL_1],
        ['user_agent', 'x'.repeat(257)],
      ],
    ],
    [
      'a line break in a user agent',
      [
        ['url', URL_1],
        ['user_agent', 'a\r\nX-Secret: 1'],
      ],
    ],
    [
      'a letter that headers can not hold',
      [
        ['url', URL_1],
        ['user_agent', 'é'],
      ],
    ],
    [
      'a long referer',
      [
        ['url', URL_1],
        ['referer', 'x'.repeat(2049)],
      ],
    ],
    [
      'a line break in a referer',
      [
        ['url', URL_1],
        ['referer', 'http://a/\n'],
      ],
    ],
  ])('with %s are malformed, and the message repeats nothing of it', async (_what, query) => {
    const error = await failureOf(() => parse(query));
    expect(error).toMatchObject({ code: 'selector_malformed' });
    expect(String(error)).not.toMatch(/secret|passwd|alert/i);
  });
});

describe('the key of an HTTP stream', () => {
  it('is the same for all spellings of one address, whatever its alternates are', () => {
    const keys = [
      keyOf(['url', URL_1]),
      keyOf(['url', 'HTTP://TV.EXAMPLE:80/one.ts#part']),
      keyOf(['url', 'http://tv.example/x/../one.ts'], ['url', 'http://other/']),
      keyOf(['user_agent', 'Sluice'], ['url', URL_1]),
    ];
    expect(new Set(keys).size).toBe(1);
  });

  it('differs by address and by header', () => {
    const keys = [
      keyOf(['url', URL_1]),
      keyOf(['url', `${URL_1}?x=1`]),
      keyOf(['url', URL_1.replace('http:', 'https:')]),
      keyOf(['url', 'http://u:p@tv.example/one.ts']),
      keyOf(['url', URL_1], ['user_agent', 'x']),
      keyOf(['url', URL_1], ['referer', 'x']),
    ];
    expect(new Set(keys).size).toBe(6);
  });

  it('shows nothing of the address', () => {
    expect(keyOf(['url', 'http://me:hunter2@tv.example/hunter2?hunter2'])).toMatch(/^http-[0-9a-f]{40}$/);
  });
});
