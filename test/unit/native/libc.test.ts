import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, readFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type * as Libc from '../../../src/native/libc.ts';
import type * as Support from '../support/connections.ts';
import { until, within } from '../support/waiting.ts';

const ON_LINUX = process.platform === 'linux';
/** These calls exist on Linux only; elsewhere not even loading them works. */
const libc = ON_LINUX ? await import('../../../src/native/libc.ts') : ({} as typeof Libc);
const { Connections } = ON_LINUX ? await import('../support/connections.ts') : ({} as typeof Support);
const { createEpoll, duplicate, SocketPoller, sendNow, shutdownSocket } = libc;
const describeOnLinux = ON_LINUX ? describe : describe.skip;

const TOKEN = 0xfffffff0;

let connections: Support.Connections;
let epollFd: number;
let poller: Libc.SocketPoller;
const pair = (options?: { reading: boolean }): Promise<Support.Pair> => connections.pair(options);

beforeEach(async () => {
  if (!ON_LINUX) return;
  connections = new Connections();
  await connections.listen();
  epollFd = createEpoll();
  poller = new SocketPoller(epollFd);
});

afterEach(async () => {
  if (!ON_LINUX) return;
  await connections.close();
  closeSync(epollFd);
});

/** What the poller reports now. */
function news(): { token: number; gone: boolean }[] {
  const events: { token: number; gone: boolean }[] = [];
  const count = poller.poll((token, gone) => events.push({ token, gone }));
  expect(count).toBe(events.length);
  return events;
}

/** Writes until the socket takes no more; returns how much it took. */
function fill(fd: number): number {
  const chunk = Buffer.alloc(1 << 16, 7);
  let written = 0;
  for (;;) {
    try {
      written += writeSync(fd, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return written;
      throw error;
    }
  }
}

describeOnLinux('a duplicated descriptor', () => {
  it('keeps the connection open and usable after the original is gone', async () => {
    const { fd, received, ended } = await pair();
    expect(fstatSync(fd).isSocket()).toBe(true);
    writeSync(fd, 'hello');
    await until('the bytes arrive', () => received().length === 5);
    expect([received().toString(), ended()]).toEqual(['hello', false]);
  });

  it('is not inherited by programs that are started', async () => {
    const { fd } = await pair();
    const flags = Number.parseInt(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\s*(\d+)/)![1]!, 8);
    expect(flags & 0o2000000).not.toBe(0);
  });

  it('of a descriptor that is not open is an error', () => {
    expect(() => duplicate(-1)).toThrow('fcntl(F_DUPFD_CLOEXEC) failed');
  });
});

describeOnLinux('sending', () => {
  it('takes exactly the bytes at the offset', async () => {
    const { fd, received } = await pair();
    const bytes = randomBytes(10_000);
    const ranges = [
      [0, 1],
      [1, 188],
      [5_000, 188],
      [9_999, 1],
      [0, 10_000],
    ] as const;
    for (const [from, length] of ranges) expect(sendNow(fd, bytes, from, length)).toBe(length);
    const expected = Buffer.concat(ranges.map(([from, length]) => bytes.subarray(from, from + length)));
    await until('the bytes arrive', () => received().length === expected.length);
    expect(received().equals(expected)).toBe(true);
  });

  it('knows a part of a buffer, and another buffer after it, from the whole', async () => {
    const { fd, received } = await pair();
    const whole = randomBytes(4_000);
    const other = randomBytes(4_000);
    const buffers = [whole, whole.subarray(1_001, 3_000), other, whole, other.subarray(7), Buffer.from('in the pool')];
    for (const buffer of buffers) expect(sendNow(fd, buffer, 3, 8)).toBe(8);
    const expected = Buffer.concat(buffers.map(buffer => buffer.subarray(3, 11)));
    await until('the bytes arrive', () => received().length === expected.length);
    expect(received().equals(expected)).toBe(true);
  });

  it('sends what is in the buffer now, and does not look at it afterwards', async () => {
    const { fd, received } = await pair();
    const buffer = Buffer.alloc(4);
    for (const word of ['once', 'more']) {
      buffer.write(word);
      expect(sendNow(fd, buffer, 0, 4)).toBe(4);
    }
    buffer.fill(0);
    await until('the bytes arrive', () => received().length === 8);
    expect(received().toString()).toBe('oncemore');
  });

  it('to a full socket takes a part, then nothing, and returns at once; not a byte is lost or doubled', async () => {
    const { fd, viewer } = await pair({ reading: false });
    const bytes = randomBytes(32 << 20);
    let sent = 0;
    let taken = 0;
    let calls = 0;
    do {
      taken = sendNow(fd, bytes, sent, Math.min(3 << 20, bytes.length - sent));
      sent += taken;
      calls++;
    } while (taken > 0);
    expect(taken).toBe(0);
    expect(calls).toBeGreaterThan(1);
    expect([sent > 0, sent < bytes.length]).toEqual([true, true]);
    for (let i = 0; i < 3; i++) expect(sendNow(fd, bytes, sent, 1 << 20)).toBe(0);
    const parts: Buffer[] = [];
    let arrived = 0;
    viewer.on('data', data => {
      parts.push(data);
      arrived += data.length;
    });
    viewer.resume();
    await until('everything arrives', () => arrived === sent || `${arrived} of ${sent}`);
    await until('there is room', () => {
      taken = sendNow(fd, bytes, sent, 1_000);
      return taken > 0;
    });
    sent += taken;
    await until('the rest arrives', () => arrived === sent || `${arrived} of ${sent}`);
    expect(Buffer.concat(parts).equals(bytes.subarray(0, sent))).toBe(true);
  });

  it('to a viewer who reset the connection says that it is gone, each time', async () => {
    const { fd, viewer } = await pair();
    viewer.resetAndDestroy();
    await until('the reset is seen', () => sendNow(fd, Buffer.from('x'), 0, 1) === -1);
    expect(sendNow(fd, Buffer.from('x'), 0, 1)).toBe(-1);
  });

  it('to a viewer who reset a connection that was full says that it is gone', async () => {
    const { fd, viewer } = await pair({ reading: false });
    fill(fd);
    expect(sendNow(fd, Buffer.from('x'), 0, 1)).toBe(0);
    viewer.resetAndDestroy();
    await until('the reset is seen', () => sendNow(fd, Buffer.from('x'), 0, 1) === -1);
  });

  it('to a viewer who closed says that it is gone', async () => {
    const { fd, viewer } = await pair();
    viewer.destroy();
    await until('the close is seen', () => sendNow(fd, Buffer.from('x'), 0, 1) === -1);
  });

  it('after the connection was shut down, or without one, says that it is gone', async () => {
    const { fd } = await pair();
    shutdownSocket(fd);
    expect(sendNow(fd, Buffer.from('x'), 0, 1)).toBe(-1);
    expect(sendNow(-1, Buffer.from('x'), 0, 1)).toBe(-1);
  });
});

describeOnLinux('shutting a socket down', () => {
  it('ends the connection for the viewer after what was written, though other descriptors are open', async () => {
    const { fd, received, ended } = await pair();
    connections.descriptors.push(duplicate(fd));
    writeSync(fd, 'last words');
    shutdownSocket(fd);
    await until('the end arrives', ended);
    expect(received().toString()).toBe('last words');
  });

  it('is harmless on a dead connection and on no connection', async () => {
    const { fd, viewer } = await pair();
    viewer.resetAndDestroy();
    shutdownSocket(fd);
    shutdownSocket(fd);
    shutdownSocket(-1);
  });
});

describeOnLinux('the socket poller', () => {
  /** Reports the room that a fresh socket has, once. */
  async function watched(options?: { reading: boolean }): Promise<Support.Pair> {
    const connection = await pair(options);
    poller.add(connection.fd, TOKEN);
    expect(news()).toEqual([{ token: TOKEN, gone: false }]);
    expect(news()).toEqual([]);
    return connection;
  }

  it('has nothing to report about nobody', () => {
    expect(news()).toEqual([]);
  });

  it('reports nothing about a socket that has room and a viewer that stays', async () => {
    const { fd, received } = await watched();
    writeSync(fd, 'x');
    await until('the byte arrives', () => received().length === 1);
    expect(news().filter(({ gone }) => gone)).toEqual([]);
  });

  it('sees that the viewer closed', async () => {
    const { viewer } = await watched();
    viewer.destroy();
    await until('the close is seen', () => news().some(({ token, gone }) => token === TOKEN && gone));
  });

  it('sees that the viewer half-closed', async () => {
    const { viewer } = await watched();
    viewer.end();
    await until('the half-close is seen', () => news().some(({ gone }) => gone));
  });

  it('sees that the viewer reset the connection', async () => {
    const { viewer } = await watched();
    viewer.resetAndDestroy();
    await until('the reset is seen', () => news().some(({ gone }) => gone));
  });

  it('sees that a viewer is gone whose socket is full', async () => {
    const { viewer, fd } = await watched({ reading: false });
    fill(fd);
    news();
    viewer.resetAndDestroy();
    await until('the reset is seen', () => news().some(({ gone }) => gone));
  });

  it('reports room in a socket that was full, once the viewer reads on', async () => {
    const { viewer, fd } = await watched({ reading: false });
    const written = fill(fd);
    expect(written).toBeGreaterThan(0);
    news();
    expect(news()).toEqual([]);
    let read = 0;
    viewer.on('data', data => {
      read += data.length;
    });
    viewer.resume();
    await until('the room is reported', () => news().some(({ token, gone }) => token === TOKEN && !gone));
    expect(writeSync(fd, 'more')).toBe(4);
    await until('everything arrives', () => read === written + 4 || `${read} of ${written + 4}`);
  });

  it('says nothing about input that a viewer sends unasked', async () => {
    const { viewer } = await watched();
    await within(
      'the input is sent',
      new Promise<void>(resolve => viewer.write('GET / HTTP/1.1\r\n', () => resolve())),
    );
    expect(news().filter(({ gone }) => gone)).toEqual([]);
  });

  it('forgets a removed socket, and does not mind removing it again', async () => {
    const { viewer, fd } = await watched();
    const other = await pair();
    poller.add(other.fd, 2);
    poller.remove(fd);
    poller.remove(fd);
    viewer.destroy();
    other.viewer.destroy();
    const seen: number[] = [];
    await until('the other close is seen', () => {
      seen.push(
        ...news()
          .filter(({ gone }) => gone)
          .map(({ token }) => token),
      );
      return seen.includes(2);
    });
    expect(seen.includes(TOKEN)).toBe(false);
  });

  it('tells many sockets apart', async () => {
    const pairs: Support.Pair[] = [];
    for (let token = 0; token < 20; token++) {
      pairs.push(await pair());
      poller.add(pairs[token]!.fd, token);
    }
    expect(
      news()
        .map(({ token }) => token)
        .sort((a, b) => a - b),
    ).toEqual(pairs.map((_, token) => token));
    for (const token of [3, 11, 19]) pairs[token]!.viewer.destroy();
    const gone = new Set<number>();
    await until('the three closes are seen', () => {
      for (const event of news()) if (event.gone) gone.add(event.token);
      return gone.size === 3;
    });
    expect([...gone].sort((a, b) => a - b)).toEqual([3, 11, 19]);
  });

  it('reports everybody although more have news than one call returns', async () => {
    const pairs: Support.Pair[] = [];
    for (let token = 0; token < 300; token++) {
      pairs.push(await pair());
      poller.add(pairs[token]!.fd, token);
    }
    const seen = new Set<number>();
    for (let calls = 0; calls < 3; calls++) for (const { token } of news()) seen.add(token);
    expect(seen.size).toBe(300);
  });

  it('refuses a descriptor that is not open, or that it watches already', async () => {
    const { fd } = await watched();
    expect(() => poller.add(fd, 1)).toThrow('epoll_ctl(ADD) failed');
    expect(() => poller.add(-1, 1)).toThrow('epoll_ctl(ADD) failed');
  });
});
