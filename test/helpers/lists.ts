import { createHash } from 'node:crypto';

/** A list of so many channels, half of them AceStream contents; another seed gives the same channels other addresses. */
export function bigList(channels: number, seed = ''): string {
  const lines = ['#EXTM3U url-tvg="http://guide.example/all.xml.gz"'];
  for (let n = 0; n < channels; n++) {
    const hash = createHash('sha1').update(`${seed}${n}`).digest('hex');
    lines.push(
      `#EXTINF:-1 tvg-id="ch${n}.tv" tvg-logo="http://logos.example/${n}.png" group-title="Group ${n % 97}",Channel ${n} HD`,
      n % 2 === 0 ? `acestream://${hash}` : `http://tv.example/live/${hash}.ts`,
    );
  }
  return lines.join('\r\n');
}
