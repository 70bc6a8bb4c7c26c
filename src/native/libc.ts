/**
 * The few libc calls Node has no API for, through koffi. Linux only: handing a socket's descriptor from one thread to
 * another (docs/adr/0001-borrowed-descriptors.md), and sending from memory files without a copy
 * (docs/adr/0005-zero-copy-log.md). Descriptors are plain numbers, valid in every thread of the process.
 */
import { closeSync, readFileSync } from 'node:fs';
import koffi from 'koffi';

const F_DUPFD_CLOEXEC = 1030;
const EPOLL_CLOEXEC = 0o2000000;
const SHUT_RDWR = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EINTR = 4;
const EAGAIN = 11;
const ENOMEM = 12;
const ENOBUFS = 105;
/** What a kernel or a sandbox without sendfile from memory files to sockets says. */
const UNSUPPORTED_ERRNOS = new Set([1 /* EPERM */, 22 /* EINVAL */, 38 /* ENOSYS */, 95 /* EOPNOTSUPP */]);
const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 2 ** 64;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLOUT = 0x004;
const EPOLLERR = 0x008;
const EPOLLHUP = 0x010;
const EPOLLRDHUP = 0x2000;
const EPOLLET = 2 ** 31;
/** Edge-triggered: a socket with room to write, the usual case, costs nothing until it was full once. */
const INTEREST = (EPOLLOUT | EPOLLRDHUP | EPOLLERR | EPOLLHUP | EPOLLET) >>> 0;

/** `struct epoll_event` is packed on x86-64 only (epoll_ctl(2), sys/epoll.h). */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const MAX_EVENTS = 256;

const libc = koffi.load(null);
const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
const send = libc.func('int64_t send(int fd, uintptr_t buffer, size_t length, int flags)');
const sendfile = libc.func('int64_t sendfile(int socket, int file, uintptr_t offset, size_t length)');
const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
const ftruncate = libc.func('int ftruncate(int fd, int64_t length)');
const mmap = libc.func(
  'uintptr_t mmap(uintptr_t at, size_t length, int protection, int flags, int fd, int64_t offset)',
);
const munmap = libc.func('int munmap(uintptr_t address, size_t length)');
const shutdown = libc.func('int shutdown(int fd, int how)');
const epollCreate1 = libc.func('int epoll_create1(int flags)');
const epollCtl = libc.func('int epoll_ctl(int epollFd, int operation, int fd, uint8_t *event)');
const epollWait = libc.func('int epoll_wait(int epollFd, uint8_t *events, int maxEvents, int timeoutMs)');

function check(result: number, call: string): number {
  if (result < 0) throw new Error(`${call} failed with errno ${koffi.errno()}`);
  return result;
}

/**
 * A second descriptor for the same open socket, closed on exec so that spawned programs don't inherit viewers.
 * @throws Error when the process is out of descriptors
 */
export function duplicate(fd: number): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, 0), 'fcntl(F_DUPFD_CLOEXEC)');
}

let addressed: Buffer | undefined;
let address = 0;

/** Where a buffer lies; a pass sends from one buffer to many sockets, so the latest answer is kept. */
function addressOf(buffer: Buffer): number {
  if (buffer !== addressed) {
    address = Number(koffi.address(buffer)); // User space ends far below 2^53.
    addressed = buffer;
  }
  return address;
}

/**
 * Writes to a socket without waiting. Cheaper than fs.writeSync, which goes the way of files through the kernel, and
 * throws when the socket is full (docs/benchmarks.md).
 * @returns bytes taken, 0 when the socket is full, -1 when the connection is gone
 */
export function sendNow(fd: number, buffer: Buffer, from: number, length: number): number {
  for (;;) {
    const taken = send(fd, addressOf(buffer) + from, length, MSG_DONTWAIT | MSG_NOSIGNAL) as number;
    if (taken >= 0) return taken;
    const errno = koffi.errno();
    if (errno === EINTR) continue;
    return errno === EAGAIN || errno === ENOMEM || errno === ENOBUFS ? 0 : -1;
  }
}

/** What {@link sendFileNow} returns where the system can't do it. */
export const UNSUPPORTED = -2;

/** sendfile takes its offset by address: a cell that stays where it is, so that no call allocates. */
const offsetCell = new Uint32Array(1024);
const offsetAddress = Number(koffi.address(offsetCell));

/**
 * Sends part of a memory file to a socket without waiting and without copying: the socket refers to the file's pages,
 * so they may not be changed any more.
 * @returns bytes taken, 0 when the socket is full, -1 when the connection is gone, or {@link UNSUPPORTED}
 */
export function sendFileNow(fd: number, file: number, from: number, length: number): number {
  for (;;) {
    offsetCell[0] = from;
    offsetCell[1] = 0;
    const taken = sendfile(fd, file, offsetAddress, length) as number;
    if (taken >= 0) return taken;
    const errno = koffi.errno();
    if (errno === EINTR) continue;
    if (errno === EAGAIN || errno === ENOMEM || errno === ENOBUFS) return 0;
    return UNSUPPORTED_ERRNOS.has(errno) ? UNSUPPORTED : -1;
  }
}

/** How many descriptors the process may have open at once; each number is below this. */
export function descriptorLimit(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** A file that lives in memory only, mapped so that it can be filled like a buffer. */
export interface MemoryFile {
  fd: number;
  address: number;
  /** The mapping; not to be touched after {@link freeMemoryFile}. */
  buffer: Buffer;
}

/**
 * A new memory file. Its pages come into being as they are filled.
 * @throws Error when the process is out of descriptors or memory
 */
export function createMemoryFile(bytes: number): MemoryFile {
  const fd = check(memfdCreate('sluice-log', MFD_CLOEXEC), 'memfd_create');
  const address = ftruncate(fd, bytes) < 0 ? MAP_FAILED : Number(mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0));
  if (address >= MAP_FAILED) {
    const errno = koffi.errno();
    closeSync(fd);
    throw new Error(`mmap of a memory file failed with errno ${errno}`);
  }
  return { fd, address, buffer: Buffer.from(koffi.view(address, bytes)) };
}

/** Lets go of a memory file. Pages that sockets still refer to keep their bytes until those are sent. */
export function freeMemoryFile({ fd, address }: Pick<MemoryFile, 'fd' | 'address'>, bytes: number): void {
  munmap(address, bytes);
  closeSync(fd);
}

/** Ends the connection in both directions: the peer gets its FIN after what was written. Harmless on a dead one. */
export function shutdownSocket(fd: number): void {
  shutdown(fd, SHUT_RDWR);
}

/** A new epoll descriptor. */
export function createEpoll(): number {
  return check(epollCreate1(EPOLL_CLOEXEC), 'epoll_create1');
}

/** Watches sockets for hang-ups and for room to write, without a JavaScript object per socket. */
export class SocketPoller {
  readonly #epollFd: number;
  readonly #events = Buffer.alloc(EVENT_BYTES * MAX_EVENTS);
  readonly #event = Buffer.alloc(EVENT_BYTES);

  /** @param epollFd from {@link createEpoll}; whoever created it closes it */
  constructor(epollFd: number) {
    this.#epollFd = epollFd;
  }

  /** Starts watching `fd`; its events come with `token` (an unsigned 32-bit number). */
  add(fd: number, token: number): void {
    this.#event.writeUInt32LE(INTEREST, 0);
    this.#event.writeUInt32LE(token, DATA_OFFSET);
    check(epollCtl(this.#epollFd, EPOLL_CTL_ADD, fd, this.#event), 'epoll_ctl(ADD)');
  }

  /** Stops watching `fd`. */
  remove(fd: number): void {
    epollCtl(this.#epollFd, EPOLL_CTL_DEL, fd, this.#event);
  }

  /**
   * Reports what happened since the last call, without waiting.
   * @param onEvent called per socket: `gone` when the peer closed, reset or half-closed; else it can be written again
   * @returns how many sockets had news
   */
  poll(onEvent: (token: number, gone: boolean) => void): number {
    const count = epollWait(this.#epollFd, this.#events, MAX_EVENTS, 0);
    for (let i = 0; i < count; i++) {
      const flags = this.#events.readUInt32LE(i * EVENT_BYTES);
      const token = this.#events.readUInt32LE(i * EVENT_BYTES + DATA_OFFSET);
      onEvent(token, (flags & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) !== 0);
    }
    return count;
  }
}
