import { readFileSync } from 'node:fs';
import { TsLoop } from '../../src/shared/ts-loop.ts';

/** How long a round of `clip.mpegts` plays: 600 frames at 25/s, 12 750 packets at 799 000 bit/s. */
const CLIP_SECONDS = 24;

let clip: TsLoop | undefined;

/** The built-in picture and tone (see `make-clip.sh`) as an endless stream; read from the disk at first use. */
export function clipSource(): TsLoop {
  clip ??= new TsLoop(readFileSync(new URL('./clip.mpegts', import.meta.url)), CLIP_SECONDS);
  return clip;
}
