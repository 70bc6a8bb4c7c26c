import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { run } from '../helpers/run.ts';
import { until } from '../helpers/until.ts';
import { Viewer } from '../helpers/viewer.ts';

/** Decodes ten seconds of picture and sound; every line it prints is a complaint. */
const decode = (url: string) =>
  run('ffmpeg', [
    '-hide_banner',
    '-nostats',
    '-v',
    'warning',
    '-rw_timeout',
    '8000000',
    '-i',
    url,
    '-t',
    '10',
    '-map',
    '0',
    '-f',
    'null',
    '-',
  ]);

describe.each(['handoff', 'relay'])('real players, served by %s', transport => {
  let gateway: TestGateway;
  let url: string;

  beforeAll(async () => {
    gateway = await startGateway({ TRANSPORT: transport });
    url = `${gateway.url}/ace/getstream?id=${gateway.gateway.demoContents![0]!.contentId}`;
    await until(
      'the demo engine to be healthy',
      async () => (await gateway.metric('sluice_engine_up'))['{engine="0"}'] === 1,
    );
  });

  afterAll(() => gateway.close());

  it('decode ten seconds without a complaint, the first viewer and those who join in the middle of a GOP', async () => {
    const first = decode(url);
    const watching = new Viewer(gateway.port, new URL(url).pathname + new URL(url).search);
    await watching.more(700);
    const second = decode(url);
    await watching.more(170); // A third of a GOP later.
    const third = decode(url);
    for (const { code, complaints } of await Promise.all([first, second, third]))
      expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
    watching.leave();
  });

  it('find picture and sound in it', async () => {
    const { stdout, complaints } = await run('ffprobe', [
      '-v',
      'warning',
      '-rw_timeout',
      '8000000',
      '-show_entries',
      'stream=codec_name,codec_type',
      '-of',
      'json',
      url,
    ]);
    const { streams } = JSON.parse(stdout) as { streams: { codec_name: string; codec_type: string }[] };
    expect(complaints).toEqual([]);
    expect(streams.map(stream => `${stream.codec_type} ${stream.codec_name}`).sort()).toEqual([
      'audio aac',
      'video h264',
    ]);
  });

  it('play it in mpv without a word', async () => {
    const { code, stdout, complaints } = await run('mpv', [
      '--no-config',
      '--vo=null',
      '--ao=null',
      '--length=6',
      '--network-timeout=6',
      '--msg-level=all=warn',
      url,
    ]);
    expect({ code, stdout, complaints }).toEqual({ code: 0, stdout: '', complaints: [] });
  });

  it('find no continuity error and every packet in its place', async () => {
    const file = path.join(tmpdir(), `sluice-${process.pid}-${transport}.ts`);
    try {
      await run('curl', ['-s', '-m', '5', '-o', file, url]);
      const { stdout, complaints } = await run('tsreport', ['-b', file]);
      const report = [stdout, ...complaints].join('\n');
      expect(report).toMatch(/Read \d+ TS packets/);
      expect(report).not.toMatch(/### CC error|TS packet starts/);
    } finally {
      await rm(file, { force: true });
    }
  });
});
