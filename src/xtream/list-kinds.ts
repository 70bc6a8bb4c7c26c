/** The lists that are written ahead for everybody, and how a channel becomes a row of each. */

import type { ZlibOptions } from 'node:zlib';
import { type ListedChannel, liveRow, panelEntry, plainPlaylistEntry, playlistEntry } from './channel-rows.ts';
import type { RowFrame, RowTable } from './row-table.ts';

/** The fastest level: lists shrink to a tenth even so, and the next levels take twice as long. */
export const GZIP_OPTIONS: ZlibOptions = { level: 1, memLevel: 9 };

/** How a list is written. */
export interface ListForm extends RowFrame {
  readonly row: (channel: ListedChannel) => string;
  /** Whether the list as a whole is sent as it is, and so is worth compressing in advance. */
  readonly sentWhole: boolean;
}

/** Every list there is. */
export const LIST_FORMS = {
  live: { head: '[', separator: ',', tail: ']', row: liveRow, sentWhole: true },
  panel: { head: '{', separator: ',', tail: '}', row: panelEntry, sentWhole: false },
  // The address that belongs below each of these differs from viewer to viewer.
  playlist: { head: '', separator: '', tail: '', row: playlistEntry, sentWhole: false },
  plainPlaylist: { head: '', separator: '', tail: '', row: plainPlaylistEntry, sentWhole: false },
} as const satisfies Record<string, ListForm>;

/** Names one of them. */
export type ListKind = keyof typeof LIST_FORMS;

/** What the job that writes a list is asked. */
export interface ListRequest {
  readonly databasePath: string;
  readonly kind: ListKind;
}

/** What it answers. */
export interface WrittenList {
  readonly table: RowTable;
  /** The whole list, compressed, where it is sent whole. */
  readonly gzip: Uint8Array | null;
}
