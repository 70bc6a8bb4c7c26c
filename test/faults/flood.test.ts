import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ask } from '../helpers/gateway.ts';
import { type SluiceProcess, startProcess } from '../helpers/process.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';
import { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const WANTED_CONNECTIONS = 10_000;

/** As many connections as a process here may hold, and no more than we want. */
async function affordable(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const [, hard] = limits.match(/^Max open files\s+\d+\s+(\d+)/m) ?? [];
  return Math.min(WANTED_CONNECTIONS, Number(hard ?? 4_096) - 1_000);
}

describe('a flood', () => {
  let engine: StandIn;
  let program: SluiceProcess;
  let port: number;

  beforeEach(async () => {
    engine = await startStandIn();
    engine.putContent(INFOHASH, { kind: 'synthetic', bitsPerSecond: 2_000_000 });
    program = await startProcess({ ACESTREAM_ENGINES: engine.url, LOG_LEVEL: 'warn' });
    port = await program.ready();
  });

  afterEach(async () => {
    await program.dispose();
    await engine.close();
  });

  it('of connections that send nothing is closed, and neither viewers nor newcomers notice', async () => {
    const count = await affordable();
    const viewer = new Viewer(port, `/ace/getstream?infohash=${INFOHASH}`);
    await viewer.more(500);
    const before = await program.descriptors();
    const silent: Socket[] = [];
    let open = 0;
    for (let i = 0; i < count; i++) {
      const socket = connect(port, '127.0.0.1', () => void open++);
      socket.on('error', () => {});
      socket.on('close', () => void open--);
      socket.resume();
      silent.push(socket);
      // The kernel's queue of connections to accept is finite.
      if (i % 500 === 499) await until('connections to open', () => open > i - 200, 30_000);
    }
    await until('all connections to open', () => open === count, 30_000);
    const newcomer = new Viewer(port, `/ace/getstream?infohash=${INFOHASH}`);
    await newcomer.more(500);
    expect((await ask(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    await until('the silent connections to be closed', () => open === 0, 40_000);
    await until('their descriptors to be closed', async () => (await program.descriptors()) <= before + 5);
    await viewer.more(500);
    for (const { check } of [viewer, newcomer])
      expect([check.syncErrors, check.continuityErrors, check.lost, check.repeated]).toEqual([0, 0, 0, 0]);
    viewer.leave();
    newcomer.leave();
  }, 120_000);

  it.each([
    ['half a request line', 'GET /ace/getstr'],
    ['a head without end', `GET /ace/getstream?infohash=${INFOHASH} HTTP/1.1\r\nHost: x\r\nX-A: b`],
  ])('of %s is closed after a while', async (_what, text) => {
    const before = await program.descriptors();
    const sockets = Array.from({ length: 50 }, () => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text));
      socket.on('error', () => {});
      socket.resume();
      return new Promise(resolve => socket.on('close', resolve));
    });
    await within('the connections to be closed', Promise.all(sockets), 30_000);
    await until('their descriptors to be closed', async () => (await program.descriptors()) <= before + 5);
    expect(engine.state().counts.sessionsStarted).toBe(0);
  });

  it.each([
    ['that is no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['with a huge head', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ])('of input %s is refused', async (_what, text, answer) => {
    let got = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.on('error', () => {});
    socket.on('data', chunk => {
      got += chunk.toString('latin1');
    });
    await within('the connection to be closed', new Promise(resolve => socket.on('close', resolve)));
    expect(got).toMatch(answer);
    expect((await ask(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  it('of viewers who come and go at once leaves nothing behind', async () => {
    const stays = new Viewer(port, `/ace/getstream?infohash=${INFOHASH}`);
    await stays.more(100);
    const before = await program.descriptors();
    for (let round = 0; round < 10; round++) {
      const viewers = Array.from({ length: 100 }, () => new Viewer(port, `/ace/getstream?infohash=${INFOHASH}`));
      await Promise.all(viewers.map(viewer => until('the connection', () => viewer.socket.readyState === 'open')));
      for (const viewer of viewers) viewer.leave();
    }
    await until('their descriptors to be closed', async () => (await program.descriptors()) <= before + 5);
    await stays.more(500);
    const { syncErrors, continuityErrors, lost, repeated } = stays.check;
    expect([syncErrors, continuityErrors, lost, repeated]).toEqual([0, 0, 0, 0]);
    expect(engine.state().counts.sessionsStarted).toBe(1);
    stays.leave();
  });
});
