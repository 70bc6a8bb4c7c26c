import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Memory files of packet logs that this process has, by inode. */
export interface MemoryFileCensus {
  open: Set<string>;
  mapped: Set<string>;
}

const NAME = '/memfd:sluice-log';

/** Counts memory files in the whole process, whichever thread made them. Linux only. */
export function memoryFiles(): MemoryFileCensus {
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
  // address, permissions, offset, device, inode, path
  const mapped = lines.filter(line => line.includes(NAME)).map(line => line.split(/\s+/)[4]!);
  const open = readdirSync('/proc/self/fd').map(fd => inodeOf(`/proc/self/fd/${fd}`));
  return { open: new Set(open.filter(inode => inode !== undefined)), mapped: new Set(mapped) };
}

/** The inode of a packet log's memory file; undefined for any other descriptor. */
function inodeOf(link: string): string | undefined {
  try {
    return readlinkSync(link).startsWith(NAME) ? String(statSync(link).ino) : undefined;
  } catch {
    return undefined; // Closed meanwhile.
  }
}

/** How many memory files are open and how many are mapped. */
export function memoryFileCounts(): [open: number, mapped: number] {
  const { open, mapped } = memoryFiles();
  return [open.size, mapped.size];
}
