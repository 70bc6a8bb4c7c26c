const SLAB_BYTES = 1 << 20;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/**
 * `size` bytes (at most 1 MiB) of uninitialised memory cut from a large block. A socket may hold on to it for as long
 * as it likes; the block is freed with its last piece. Twenty thousand small writes a second cost too much otherwise.
 */
export function takeBytes(size: number): Buffer {
  if (used + size > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const piece = slab.subarray(used, used + size);
  used += size;
  return piece;
}
