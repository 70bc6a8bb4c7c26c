/**
 * The tables of the catalogue as Kysely sees them; `migrations.ts` makes them. Times are unix seconds, switches are 0 or
 * 1, lists are JSON texts.
 */
import type { Generated, Insertable, Selectable, Updateable } from 'kysely';

/** A group of channels, as players show it. */
export interface CategoryTable {
  id: Generated<number>;
  name: string;
  position: number;
}

/** A TV channel. Its id is for life: players hang favourites and recordings on it. */
export interface ChannelTable {
  id: Generated<number>;
  name: string;
  /** The number viewers dial; null where nobody gave one. */
  number: number | null;
  category_id: number;
  logo_url: string | null;
  /** `tvg-id` of the list it came from; what guides know it by. */
  guide_id: string | null;
  enabled: Generated<number>;
  /** Place within all channels. */
  position: number;
  /** The import that brought it, and what it is known by there; both null for one made by hand. */
  import_id: number | null;
  import_key: string | null;
  /** JSON list of the columns that an administrator changed: imports leave those alone. */
  edited: Generated<string>;
  added_at: number;
  updated_at: number;
  /** Counts changes, for optimistic concurrency. */
  version: Generated<number>;
}

/** A place where a channel can be read; the lowest rank is tried first. */
export interface SourceTable {
  id: Generated<number>;
  channel_id: number;
  rank: number;
  kind: 'engine' | 'http';
  /** For engines `content_id`, `infohash`, `url` or `magnet`; null for HTTP. */
  selector: 'content_id' | 'infohash' | 'url' | 'magnet' | null;
  /** The hash, magnet link or address. */
  value: string;
  /** JSON object: engine options, or request headers. */
  options: Generated<string>;
  enabled: Generated<number>;
  import_id: number | null;
}

/** A list of channels that is read again and again. */
export interface ImportTable {
  id: Generated<number>;
  kind: 'm3u' | 'xtream';
  name: string;
  /** Address or path of a file; holds the credentials of an Xtream account as its userinfo. Never shown whole. */
  url: string;
  enabled: Generated<number>;
  interval_s: number;
  /** Whether the configuration brought it (SCRAPER_URLS); such a one is removed there. */
  configured: Generated<number>;
  etag: string | null;
  last_modified: string | null;
  last_run_at: number | null;
  /** JSON list of the programme guides that the list names. */
  guide_urls: Generated<string>;
}

/** A channel of a list that an administrator deleted. */
export interface ImportOmissionTable {
  import_id: number;
  import_key: string;
}

/** The category that a group of a list became. */
export interface ImportGroupTable {
  import_id: number;
  group_key: string;
  category_id: number;
}

/** One reading of a list, finished or not. */
export interface ImportRunTable {
  id: Generated<number>;
  import_id: number;
  started_at: number;
  finished_at: number | null;
  state: 'running' | 'done' | 'unchanged' | 'failed';
  added: Generated<number>;
  changed: Generated<number>;
  removed: Generated<number>;
  skipped: Generated<number>;
  problem: string | null;
}

/** A programme guide that is read again and again. */
export interface GuideSourceTable {
  id: Generated<number>;
  name: string;
  url: string;
  enabled: Generated<number>;
  interval_s: number;
  configured: Generated<number>;
  etag: string | null;
  last_modified: string | null;
  last_run_at: number | null;
  problem: string | null;
}

/** A channel as a guide knows it. */
export interface GuideChannelTable {
  id: Generated<number>;
  guide_source_id: number;
  /** The guide's own id, `channel/@id` of XMLTV. */
  xmltv_id: string;
  /** JSON list of display names. */
  names: string;
  icon_url: string | null;
}

/** One programme of a guide's channel. */
export interface ProgrammeTable {
  guide_channel_id: number;
  start_at: number;
  stop_at: number;
  title: string;
  subtitle: string | null;
  description: string | null;
  category: string | null;
  icon_url: string | null;
}

/** Which guide channel a channel shows. */
export interface GuideMappingTable {
  channel_id: number;
  guide_channel_id: number;
  /** 0 to 1: how sure the match is. */
  score: number;
  how: 'guide-id' | 'name' | 'manual';
}

/** A viewer's Xtream login. */
export interface AccountTable {
  id: Generated<number>;
  username: string;
  /** `scrypt$…`, or `bcrypt$…` of an account that moved in and has not logged in since. */
  password_hash: string;
  status: Generated<'active' | 'disabled' | 'banned'>;
  /** Null never expires. */
  expires_at: number | null;
  /** 0 is no limit. */
  max_connections: Generated<number>;
  is_trial: Generated<number>;
  /** JSON list out of `ts` and `m3u8`. */
  formats: Generated<string>;
  /** JSON list of category ids it may watch; null is all of them. */
  category_ids: string | null;
  notes: Generated<string>;
  created_at: number;
  last_login_at: number | null;
  version: Generated<number>;
}

/** Somebody who runs the gateway. */
export interface AdminTable {
  id: Generated<number>;
  username: string;
  password_hash: string;
  created_at: number;
}

/** A bearer token for scripts. */
export interface TokenTable {
  id: Generated<number>;
  name: string;
  /** SHA-256 of the token, hexadecimal: it is long and random, so a slow hash brings nothing. */
  hash: string;
  /** JSON list of scopes. */
  scopes: string;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

/** A setting that is changed while the gateway runs. */
export interface SettingTable {
  key: string;
  value: string;
}

/** Every table by its name. */
export interface Tables {
  categories: CategoryTable;
  channels: ChannelTable;
  sources: SourceTable;
  imports: ImportTable;
  import_runs: ImportRunTable;
  import_omissions: ImportOmissionTable;
  import_groups: ImportGroupTable;
  guide_sources: GuideSourceTable;
  guide_channels: GuideChannelTable;
  programmes: ProgrammeTable;
  guide_mappings: GuideMappingTable;
  accounts: AccountTable;
  admins: AdminTable;
  tokens: TokenTable;
  settings: SettingTable;
}

/** A row as it is read. */
export type Row<Name extends keyof Tables> = Selectable<Tables[Name]>;
/** A row as it is written first. */
export type NewRow<Name extends keyof Tables> = Insertable<Tables[Name]>;
/** What of a row is changed. */
export type RowChange<Name extends keyof Tables> = Updateable<Tables[Name]>;
