/** What there is to say to accounts that may not watch. */
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { GuideDocument } from './ports.ts';

const PLAIN = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>\n<tv generator-info-name="Sluice"></tv>\n');
const BODIES = { identity: PLAIN, gzip: gzipSync(PLAIN) };

/** A document without channels: players take an error or an empty answer for a broken server. */
export const EMPTY_GUIDE: GuideDocument = {
  etags: { identity: '"empty"', gzip: '"empty-gz"' },
  lastModified: new Date(),
  bytes: { identity: BODIES.identity.length, gzip: BODIES.gzip.length },
  open: encoding => Readable.from([BODIES[encoding]]),
};
