/** XMLTV documents for players: each is written once for everybody who may see the same channels, and kept as a file. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { ChannelSelection, ExportAnswer, ExportRequest } from './guide-job.ts';

/** How the bytes of a document are sent. */
export type DocumentEncoding = 'identity' | 'gzip';

/** A document that lies ready. */
export interface GuideDocument {
  /** Of its content: a document that was written anew and is the same has the same. One for each encoding. */
  readonly etags: Readonly<Record<DocumentEncoding, string>>;
  /** When its content came to be what it is. */
  readonly lastModified: Date;
  readonly bytes: Readonly<Record<DocumentEncoding, number>>;
  readonly channels: number;
  readonly programmes: number;
  /** Its bytes; to be asked for soon, because a document that is out of date is removed after a while. */
  open(encoding: DocumentEncoding): Readable;
}

interface Kept {
  readonly selection: ChannelSelection;
  readonly document: GuideDocument;
  readonly digest: string;
  readonly base: string;
  readonly revision: number;
  readonly writtenMs: number;
  askedMs: number;
}

/** What writes documents. */
export interface DocumentWriter {
  write(request: Omit<ExportRequest, 'type' | 'database' | 'fromS' | 'toS'>): Promise<ExportAnswer>;
  /** Grows with every change that documents may show. */
  revision(): number;
}

/** Sets of channels that are kept: one for each set of categories that accounts have. */
const MAX_KEPT = 64;
/** After this what is over is taken out, even if nothing else has changed. */
const MAX_AGE_MS = 6 * 3_600_000;
/** Documents that nobody asked for within this time are not written ahead. */
const WANTED_MS = 36 * 3_600_000;
/** Readers that have been promised a file get to open it. */
const REMOVE_AFTER_MS = 60_000;

/** Keeps documents. */
export class GuideDocuments {
  readonly #folder: string;
  readonly #writer: DocumentWriter;
  readonly #kept = new Map<string, Kept>();
  readonly #writing = new Map<string, Promise<Kept>>();
  readonly #removals = new Set<NodeJS.Timeout>();
  #count = 0;

  /** @param folder its own: whatever is in there is removed */
  constructor(folder: string, writer: DocumentWriter) {
    this.#folder = folder;
    this.#writer = writer;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  /** The document of these channels, as the guide is now. */
  async get(selection: ChannelSelection): Promise<GuideDocument> {
    const key = keyOf(selection);
    let kept = this.#kept.get(key);
    // One that was being written already when something changed is out of date when it is done.
    for (let attempt = 0; attempt < 2 && !this.#isCurrent(kept); attempt++) kept = await this.#write(key, selection);
    kept!.askedMs = performance.now();
    this.#kept.delete(key); // Behind all others: the first one is what nobody asked for the longest.
    this.#kept.set(key, kept!);
    return kept!.document;
  }

  /** Writes anew what is likely to be asked for, so that nobody has to wait for it. */
  async refresh(): Promise<void> {
    for (const [key, kept] of [...this.#kept]) {
      if (performance.now() - kept.askedMs > WANTED_MS) this.#forget(key);
      else if (!this.#isCurrent(kept)) await this.#write(key, kept.selection);
    }
  }

  /** Removes all files. */
  close(): void {
    for (const timer of this.#removals) clearTimeout(timer);
    this.#kept.clear();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #isCurrent(kept: Kept | undefined): boolean {
    return (
      kept !== undefined && kept.revision === this.#writer.revision() && performance.now() - kept.writtenMs < MAX_AGE_MS
    );
  }

  #write(key: string, selection: ChannelSelection): Promise<Kept> {
    const running = this.#writing.get(key);
    if (running !== undefined) return running;
    const writing = this.#writeNow(key, selection).finally(() => this.#writing.delete(key));
    this.#writing.set(key, writing);
    return writing;
  }

  async #writeNow(key: string, selection: ChannelSelection): Promise<Kept> {
    const revision = this.#writer.revision();
    const base = path.join(this.#folder, `${key}-${++this.#count}`);
    const answer = await this.#writer.write({ selection, path: base });
    const old = this.#kept.get(key);
    const now = performance.now();
    const common = { selection, revision, writtenMs: now, askedMs: old?.askedMs ?? now, digest: answer.digest };
    const isSame = old?.digest === answer.digest;
    const kept = isSame
      ? { ...common, base: old.base, document: old.document }
      : { ...common, base, document: documentOf(base, answer) };
    if (isSame) await removeFiles(base);
    else if (old !== undefined) this.#removeLater(old.base);
    this.#kept.set(key, kept);
    for (const [other] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT) break;
      if (other !== key) this.#forget(other);
    }
    return kept;
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    if (kept !== undefined) this.#removeLater(kept.base);
  }

  #removeLater(base: string): void {
    const timer = setTimeout(() => {
      this.#removals.delete(timer);
      void removeFiles(base);
    }, REMOVE_AFTER_MS).unref();
    this.#removals.add(timer);
  }
}

async function removeFiles(base: string): Promise<void> {
  await Promise.all([rm(`${base}.xml`, { force: true }), rm(`${base}.xml.gz`, { force: true })]);
}

function documentOf(base: string, answer: ExportAnswer): GuideDocument {
  const { digest, channels, programmes, bytes, gzipBytes } = answer;
  const short = digest.slice(0, 22);
  return {
    etags: { identity: `"${short}"`, gzip: `"${short}-gz"` },
    lastModified: new Date(),
    bytes: { identity: bytes, gzip: gzipBytes },
    channels,
    programmes,
    open: encoding => createReadStream(`${base}.xml${encoding === 'gzip' ? '.gz' : ''}`),
  };
}

/** The same for the same set, in whatever order it is given. */
function keyOf(selection: ChannelSelection): string {
  if (selection === 'all') return 'all';
  const [kind, ids] = 'categoryIds' in selection ? ['k', selection.categoryIds] : ['c', selection.channelIds];
  const set = [...new Set(ids)].sort((a, b) => a - b).join(',');
  return `${kind}${createHash('sha256').update(set).digest('hex').slice(0, 32)}`;
}
