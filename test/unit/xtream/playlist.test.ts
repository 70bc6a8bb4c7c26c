import { describe, expect, it } from '@jest/globals';
import { isExtended, playlistChunks, playlistHead, suffixOf, wantsLive } from '../../../src/xtream/playlist.ts';
import { RowTableWriter } from '../../../src/xtream/row-table.ts';

const REQUEST = {
  credentials: { username: 'al@home', password: 's&cret' },
  origin: { protocol: 'https', host: 'tv.example', port: 443 } as const,
  suffix: '.ts',
  extended: true,
};

async function whole(rows: number, categories: ReadonlySet<number> | null = null): Promise<string> {
  const writer = new RowTableWriter({ head: '', separator: '', tail: '' });
  for (let id = 1; id <= rows; id++) writer.add(`#EXTINF:-1,ñ ${'x'.repeat(id % 500)}\r\n`, id, id % 3);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of playlistChunks(REQUEST, writer.finish(), { categories }))
    text += decoder.decode(chunk, { stream: true });
  return text;
}

describe('a playlist', () => {
  it('names the guide in both ways that players know, and addresses with the credentials', async () => {
    const guide = 'https://tv.example/xmltv.php?username=al%40home&password=s%26cret';
    expect(await whole(1)).toBe(
      `#EXTM3U url-tvg="${guide}" x-tvg-url="${guide}"\r\n` +
        '#EXTINF:-1,ñ x\r\nhttps://tv.example/live/al%40home/s%26cret/1.ts\r\n',
    );
    expect(playlistHead({ ...REQUEST, extended: false })).toBe('#EXTM3U\r\n');
  });

  it('holds every channel of the categories, in order, in however many pieces', async () => {
    const lines = (await whole(3000, new Set([0, 2]))).split('\r\n');
    const ids = lines.flatMap(line => line.match(/\/(\d+)\.ts$/)?.[1] ?? []).map(Number);
    expect(ids).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1).filter(id => id % 3 !== 1));
    expect(lines.filter(line => line.startsWith('#EXTINF'))).toHaveLength(ids.length);
    expect(await whole(5, new Set())).toMatch(/^#EXTM3U [^\r\n]*\r\n$/);
  });

  it.each([
    [undefined, ''],
    ['', ''],
    ['ts', '.ts'],
    ['mpegts', '.ts'],
    ['hls', '.ts'],
    ['m3u8', '.ts'],
    ['anything', '.ts'],
  ])('for output=%p has %p behind its ids', (output, suffix) => {
    expect(suffixOf(output)).toBe(suffix);
  });

  it.each([
    [undefined, true],
    ['m3u_plus', true],
    ['enigma22_script', true],
    ['m3u', false],
    ['M3U', false],
  ])('of type=%p has attributes: %p', (type, extended) => {
    expect(isExtended(type)).toBe(extended);
  });

  it.each([
    [undefined, true],
    ['', true],
    ['live', true],
    ['movie,live', true],
    ['movie,series', false],
  ])('for key=%p has live channels: %p', (key, live) => {
    expect(wantsLive(key)).toBe(live);
  });
});
