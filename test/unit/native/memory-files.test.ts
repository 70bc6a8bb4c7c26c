import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type * as Libc from '../../../src/native/libc.ts';
import { memoryFileCounts } from '../../helpers/memory-files.ts';
import type * as Support from '../support/connections.ts';
import { until } from '../support/waiting.ts';

const ON_LINUX = process.platform === 'linux';
/** These calls exist on Linux only; elsewhere not even loading them works. */
const libc = ON_LINUX ? await import('../../../src/native/libc.ts') : ({} as typeof Libc);
const { Connections } = ON_LINUX ? await import('../support/connections.ts') : ({} as typeof Support);
const { createMemoryFile, freeMemoryFile, sendFileNow, sendNow, shutdownSocket, UNSUPPORTED } = libc;
const describeOnLinux = ON_LINUX ? describe : describe.skip;

const FILE_BYTES = 1 << 20;

let connections: Support.Connections;

beforeEach(async () => {
  if (!ON_LINUX) return;
  connections = new Connections();
  await connections.listen();
});

afterEach(async () => {
  if (!ON_LINUX) return;
  await connections.close();
  expect(memoryFileCounts()).toEqual([0, 0]);
});

/** Runs with a memory file that holds `bytes`. */
async function withFile(bytes: Buffer, use: (file: Libc.MemoryFile) => Promise<void>): Promise<void> {
  const file = createMemoryFile(bytes.length);
  try {
    bytes.copy(file.buffer);
    await use(file);
  } finally {
    freeMemoryFile(file, bytes.length);
  }
}

/** Collects what a viewer reads from now on. */
function collect(viewer: Socket): { bytes: () => Buffer; length: () => number } {
  const parts: Buffer[] = [];
  let length = 0;
  viewer.on('data', data => {
    parts.push(data);
    length += data.length;
  });
  return { bytes: () => Buffer.concat(parts), length: () => length };
}

/** Fills as many pages as a few megabytes have with something else, so that pages that are free are used again. */
function churn(): void {
  const files = Array.from({ length: 4 }, () => createMemoryFile(FILE_BYTES));
  for (const { buffer } of files) buffer.fill(0xee);
  for (const file of files) freeMemoryFile(file, FILE_BYTES);
}

describeOnLinux('a memory file', () => {
  it('is one descriptor and one mapping, until it is freed', () => {
    const files = [createMemoryFile(FILE_BYTES), createMemoryFile(FILE_BYTES)];
    expect(memoryFileCounts()).toEqual([2, 2]);
    expect(files.map(({ buffer }) => buffer.length)).toEqual([FILE_BYTES, FILE_BYTES]);
    for (const file of files) freeMemoryFile(file, FILE_BYTES);
    expect(memoryFileCounts()).toEqual([0, 0]);
  });

  it('that there is no room for is an error, and leaves no descriptor behind', () => {
    expect(() => createMemoryFile(2 ** 50)).toThrow('mmap of a memory file failed with errno 12');
    expect(memoryFileCounts()).toEqual([0, 0]);
  });

  it('that was freed and made again many times leaves nothing behind', () => {
    for (let i = 0; i < 500; i++) {
      const file = createMemoryFile(FILE_BYTES);
      file.buffer.writeUInt32LE(i, 4_096 * (i % 256));
      freeMemoryFile(file, FILE_BYTES);
    }
    expect(memoryFileCounts()).toEqual([0, 0]);
  });
});

describeOnLinux('sending from a memory file', () => {
  it('takes exactly the bytes at the offset, however they lie on its pages', async () => {
    const { fd, received } = await connections.pair();
    const bytes = randomBytes(100_000);
    const ranges = [
      [0, 1],
      [1, 188],
      [4_095, 2],
      [4_096, 4_096],
      [5_000, 8_192],
      [99_999, 1],
      [0, 100_000],
    ] as const;
    await withFile(bytes, async file => {
      for (const [from, length] of ranges) expect(sendFileNow(fd, file.fd, from, length)).toBe(length);
      const expected = Buffer.concat(ranges.map(([from, length]) => bytes.subarray(from, from + length)));
      await until('the bytes arrive', () => received().length === expected.length);
      expect(received().equals(expected)).toBe(true);
    });
  });

  it('goes together with copies from its buffer, and with filling what lies behind', async () => {
    const { fd, received } = await connections.pair();
    const bytes = randomBytes(200 * 188);
    await withFile(Buffer.alloc(bytes.length), async file => {
      for (let from = 0, turn = 0; from < bytes.length; from += 188 * 8, turn++) {
        const to = Math.min(bytes.length, from + 188 * 8);
        bytes.copy(file.buffer, from, from, to);
        const taken =
          turn % 2 === 0 ? sendFileNow(fd, file.fd, from, to - from) : sendNow(fd, file.buffer, from, to - from);
        expect(taken).toBe(to - from);
      }
      await until('the bytes arrive', () => received().length === bytes.length);
      expect(received().equals(bytes)).toBe(true);
    });
  });

  it('to a full socket takes a part, then nothing, and goes on when there is room; not a byte is lost or doubled', async () => {
    const { fd, viewer } = await connections.pair({ reading: false });
    const bytes = randomBytes(32 << 20);
    await withFile(bytes, async file => {
      let sent = 0;
      let taken: number;
      do {
        taken = sendFileNow(fd, file.fd, sent, Math.min(3 << 20, bytes.length - sent));
        sent += taken;
      } while (taken > 0);
      expect(taken).toBe(0);
      expect([sent > 0, sent < bytes.length]).toEqual([true, true]);
      for (let i = 0; i < 3; i++) expect(sendFileNow(fd, file.fd, sent, 1 << 20)).toBe(0);
      const arrived = collect(viewer);
      viewer.resume();
      await until('all of it is sent and arrives', () => {
        const more = sendFileNow(fd, file.fd, sent, Math.min(1 << 20, bytes.length - sent));
        expect(more).toBeGreaterThanOrEqual(0);
        sent += more;
        return arrived.length() === bytes.length || `${arrived.length()} of ${sent}`;
      });
      expect(arrived.bytes().equals(bytes)).toBe(true);
    });
  });

  it('to a viewer who is gone says so, each time, and does not end the process', async () => {
    await withFile(randomBytes(FILE_BYTES), async file => {
      const leave: ((pair: Support.Pair) => void)[] = [
        ({ viewer }) => void viewer.resetAndDestroy(),
        ({ viewer }) => void viewer.destroy(),
        ({ fd }) => shutdownSocket(fd),
      ];
      for (const leaves of leave) {
        const pair = await connections.pair();
        leaves(pair);
        await until('it is seen', () => sendFileNow(pair.fd, file.fd, 0, 188) === -1);
        expect(sendFileNow(pair.fd, file.fd, 0, FILE_BYTES)).toBe(-1);
      }
      expect(sendFileNow(-1, file.fd, 0, 188)).toBe(-1);
    });
  });

  it('to a viewer who reset a full connection says that it is gone', async () => {
    const { fd, viewer } = await connections.pair({ reading: false });
    await withFile(randomBytes(FILE_BYTES), async file => {
      while (sendFileNow(fd, file.fd, 0, FILE_BYTES) > 0);
      viewer.resetAndDestroy();
      await until('the reset is seen', () => sendFileNow(fd, file.fd, 0, 188) === -1);
    });
  });

  it('to what can’t be sent to this way says that it is not supported', async () => {
    const name = path.join(tmpdir(), `sluice-append-${process.pid}`);
    const appending = openSync(name, 'a');
    await withFile(randomBytes(188), async file => {
      expect(sendFileNow(appending, file.fd, 0, 188)).toBe(UNSUPPORTED);
    });
    closeSync(appending);
    rmSync(name);
  });
});

describeOnLinux('a memory file that is freed while a viewer has not read it', () => {
  it('keeps every byte that was sent, whatever its memory could be used for next', async () => {
    const { fd, viewer } = await connections.pair({ reading: false });
    const bytes = randomBytes(16 << 20);
    const file = createMemoryFile(bytes.length);
    bytes.copy(file.buffer);
    let sent = 0;
    for (let taken = 1; taken > 0; sent += taken) taken = sendFileNow(fd, file.fd, sent, bytes.length - sent);
    freeMemoryFile(file, bytes.length);
    expect(memoryFileCounts()).toEqual([0, 0]);
    expect(sent).toBeGreaterThan(2 << 20);
    for (let i = 0; i < 20; i++) churn();
    const arrived = collect(viewer);
    viewer.resume();
    await until('what was sent arrives', () => arrived.length() === sent || `${arrived.length()} of ${sent}`);
    expect(arrived.bytes().equals(bytes.subarray(0, sent))).toBe(true);
  });

  it('keeps them for a viewer who pauses again and again, file after file', async () => {
    const { fd, viewer } = await connections.pair({ reading: false });
    const bytes = randomBytes(48 << 20);
    const arrived = collect(viewer);
    viewer.pause();
    let sent = 0;
    let mostUnread = 0;
    for (let base = 0; base < bytes.length; base += FILE_BYTES) {
      const file = createMemoryFile(FILE_BYTES);
      bytes.copy(file.buffer, 0, base, base + FILE_BYTES);
      await until(`megabyte ${base / FILE_BYTES} is sent`, () => {
        const taken = sendFileNow(fd, file.fd, sent - base, base + FILE_BYTES - sent);
        expect(taken).toBeGreaterThanOrEqual(0);
        sent += taken;
        mostUnread = Math.max(mostUnread, sent - arrived.length());
        if (taken === 0)
          viewer.resume(); // Full.
        else if (arrived.length() > sent / 2) viewer.pause();
        return sent === base + FILE_BYTES;
      });
      freeMemoryFile(file, FILE_BYTES);
      viewer.pause();
      churn();
    }
    viewer.resume();
    await until('everything arrives', () => arrived.length() === sent || `${arrived.length()} of ${sent}`);
    expect(mostUnread).toBeGreaterThan(2 << 20);
    expect(arrived.bytes().equals(bytes)).toBe(true);
  });
});
