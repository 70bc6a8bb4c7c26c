/** What the front asks `workers/jobs/guide.job.ts` to do, and what it is told. */
import type { WireError } from '../shared/errors.ts';

/** How a guide is read. */
export interface ReadingOptions {
  /** Lower-case language tags, the most preferred one first. */
  readonly languages: readonly string[];
  /** Programmes that ended longer ago, or start later than this from now, are not kept. */
  readonly pastS: number;
  readonly futureS: number;
  /** The most bytes of a guide, unpacked. */
  readonly maxBytes: number;
  /** Whether a guide that ends in the middle is used as far as it goes. */
  readonly acceptTruncated: boolean;
  readonly allowPrivate: boolean;
  /** Where guides lie that are files. */
  readonly folder: string;
  readonly userAgent: string;
  /** How long a server may take to answer, or bring no byte. */
  readonly timeoutMs: number;
}

/** Reads a source of the database, and stores what is new. */
export interface ImportRequest {
  readonly type: 'import';
  readonly database: string;
  readonly sourceId: number;
  readonly nowS: number;
  readonly options: ReadingOptions;
}

/** Reads a guide without storing anything. */
export interface PreviewRequest {
  readonly type: 'preview';
  readonly place: string;
  readonly nowS: number;
  readonly options: ReadingOptions;
}

/** Finds the guide of every channel anew. */
export interface MatchRequest {
  readonly type: 'match';
  readonly database: string;
  /** The ids of sources, the preferred one first; those that are missing here follow. */
  readonly sourceOrder: readonly number[];
  readonly nowS: number;
}

/** Forgets programmes that ended before a time. */
export interface PruneRequest {
  readonly type: 'prune';
  readonly database: string;
  readonly endedBeforeS: number;
}

/** Forgets a source and everything that came from it. */
export interface RemoveRequest {
  readonly type: 'remove';
  readonly database: string;
  readonly sourceId: number;
}

/** Which channels a document is about. */
export type ChannelSelection =
  | 'all'
  | { readonly categoryIds: readonly number[] }
  | { readonly channelIds: readonly number[] };

/** Writes an XMLTV document, plain and packed. */
export interface ExportRequest {
  readonly type: 'export';
  readonly database: string;
  readonly selection: ChannelSelection;
  readonly fromS: number;
  readonly toS: number;
  /** Path of the files, without `.xml` and `.xml.gz`. */
  readonly path: string;
}

/** What one reading of a guide came to. */
export interface ReadingCounts {
  readonly channels: number;
  /** Usable programmes within the time that is kept. */
  readonly programmes: number;
  /** Records that were broken. */
  readonly skipped: number;
  /** Bytes of the guide, unpacked. */
  readonly bytes: number;
  /** Whether the guide ended in the middle. */
  readonly isTruncated: boolean;
}

/** What an import did. */
export type ImportAnswer =
  | { readonly state: 'unchanged' }
  | (ReadingCounts & {
      readonly state: 'done';
      readonly added: number;
      readonly changed: number;
      readonly removed: number;
    });

/** How many programmes and channels a source has. */
export interface SourceTotals {
  readonly sourceId: number;
  readonly channels: number;
  readonly programmes: number;
}

/** What matching came to, and what there is altogether. */
export interface MatchAnswer {
  readonly channels: number;
  readonly matched: number;
  readonly manual: number;
  /** Mappings that are not what they were. */
  readonly changed: number;
  readonly sources: readonly SourceTotals[];
}

/** What is in a document that was written. */
export interface ExportAnswer {
  readonly channels: number;
  readonly programmes: number;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** SHA-256 of the plain document, base64url. */
  readonly digest: string;
}

/** Every request, by its type, with what answers it. */
export interface GuideJobs {
  import: { request: ImportRequest; answer: ImportAnswer };
  preview: { request: PreviewRequest; answer: ReadingCounts };
  match: { request: MatchRequest; answer: MatchAnswer };
  prune: { request: PruneRequest; answer: { removed: number } };
  remove: { request: RemoveRequest; answer: { removed: number } };
  export: { request: ExportRequest; answer: ExportAnswer };
}

/** Any request. */
export type GuideRequest = GuideJobs[keyof GuideJobs]['request'];

/** A coded error loses its code between threads, so it comes as an answer. */
export type Settled<Answer> = { readonly answer: Answer } | { readonly failure: WireError };

/** How far a reading is. */
export interface GuideProgress {
  readonly bytes: number;
  readonly programmes: number;
}
