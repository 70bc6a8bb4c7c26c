/** What front and job tell each other about an import. */
import type { WireError } from '../shared/errors.ts';

/** How much of the catalogue an import changes. */
export interface ImportCounts {
  added: number;
  changed: number;
  /** Channels that the list has no more: they are disabled, and enabled again when they come back. */
  removed: number;
}

/** The first few channels of each kind. */
export interface ImportSamples {
  added: { name: string; category: string }[];
  /** With the columns that change. */
  changed: { id: number; name: string; fields: string[] }[];
  removed: { id: number; name: string }[];
}

/** What was read. */
export interface ListFacts {
  /** Usable entries, each an address of a channel. */
  entries: number;
  channels: number;
  /** Addresses that a channel has twice. */
  duplicates: number;
  /** What was passed over, by reason. */
  skipped: Record<string, number>;
  /** Programme guides that the list names. */
  guideUrls: string[];
  bytes: number;
}

/** What a job is asked for. */
export interface ImportRequest {
  database: string;
  importId: number;
  /** The run to note the result in; without it nothing is changed. */
  runId: number | undefined;
  userAgent: string;
  /** Where local lists lie. */
  folder: string;
}

/** How far a job is. */
export interface ImportProgress {
  phase: 'reading' | 'comparing' | 'applying';
  entries: number;
  bytes: number;
}

/** What a job answers. */
export type ImportAnswer =
  | ({ state: 'done'; samples: ImportSamples } & ImportCounts & ListFacts)
  | { state: 'unchanged' }
  | { state: 'failed'; problem: WireError };
