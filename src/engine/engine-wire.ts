/**
 * The engine's answers as data: envelopes, errors and addresses (acestream-engine-api sections 1, 3.4, 3.5, 6, 8).
 * Nothing here touches the network.
 */
import { SluiceError } from '../shared/errors.ts';

/** A session that an engine opened. Addresses are paths on the configured engine, never absolute. */
export interface EngineSession {
  infohash: string;
  playbackPath: string;
  statPath: string;
  commandPath: string;
  /** Whether it goes on for ever; false is a file with an end. An engine that does not know yet says so with -1. */
  isLive: boolean;
}

/** One answer of a session's stat address. */
export interface EngineStat {
  /** `idle`, `prebuf`, `dl`, … ; an empty answer counts as idle. */
  status: string;
  peers: number;
  /** KB/s */
  speedDown: number;
  downloadedBytes: number;
  /** Newest live position in UNIX seconds; undefined until data flows, and for files. */
  livePosition: number | undefined;
}

/** An engine's identity. */
export interface EngineVersion {
  version: string;
  platform: string;
}

/** What `get_media_files` knows about a content without opening a session. */
export interface MediaInfo {
  infohash: string;
  name: string | undefined;
}

const HASH = /^[0-9a-f]{40}$/i;
const MAX_PATH_CHARS = 2048;
/** Where an engine serves playback, statistics and commands. */
const ENGINE_PATHS = /^\/(ace|content|hls)\//;

type Json = Record<string, unknown>;

function bad(what: string): SluiceError {
  return new SluiceError('engine_bad_answer', `The engine gave an answer that makes no sense: ${what}.`);
}

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${what} is not an object`);
  return value as Json;
}

/** A foreign text, cut and without control characters, fit for logs and error messages. */
export function tame(text: unknown, maxChars = 200): string {
  return Array.from(String(text), char => (char < ' ' ? ' ' : char))
    .join('')
    .trim()
    .slice(0, maxChars);
}

/** Text of an envelope's error: a string, or an object with `message`; undefined when there is none. */
function errorText(error: unknown): string | undefined {
  if (error === undefined || error === null || error === '') return undefined;
  const text = typeof error === 'object' && 'message' in error ? error.message : error;
  return tame(text);
}

/**
 * Errors come with HTTP 200, so the text decides (acestream-engine-api 3.5).
 */
function engineError(text: string): SluiceError {
  if (/unknown playback session/i.test(text))
    return new SluiceError('session_lost', `The engine no longer knows the session: ${text}.`);
  if (/failed to load content|cannot get transport file|failed to get manifest/i.test(text))
    return new SluiceError('content_not_found', `The engine cannot find this content: ${text}.`);
  return new SluiceError('engine_refused', `The engine refused: ${text}.`);
}

/**
 * The payload of `{"response"|"result":…, "error":…}`.
 * @throws SluiceError the envelope's error, coded
 */
export function unwrap(answer: unknown): unknown {
  const envelope = object(answer, 'the answer');
  const text = errorText(envelope.error);
  if (text !== undefined) throw engineError(text);
  return 'response' in envelope ? envelope.response : envelope.result;
}

/**
 * Path and query of an address the engine named. Engines often name a wrong host, and a hostile one could name any:
 * host and port always come from the configuration (acestream-engine-api section 8).
 * @throws SluiceError `engine_bad_answer` unless it is a path that engines serve
 */
export function enginePath(address: unknown, what: string): string {
  if (typeof address !== 'string' || !URL.canParse(address, 'http://engine')) throw bad(`${what} is not an address`);
  const url = new URL(address, 'http://engine');
  const path = url.pathname + url.search;
  if (!/^https?:$/.test(url.protocol) || !ENGINE_PATHS.test(path) || path.length > MAX_PATH_CHARS)
    throw bad(`${what} is not an address on the engine`);
  return path;
}

/** Reads the control document that getstream answers. */
export function parseSession(payload: unknown): EngineSession {
  const json = object(payload, 'the session');
  const infohash = String(json.infohash ?? '').toLowerCase();
  if (!HASH.test(infohash)) throw bad('the session has no infohash');
  return {
    infohash,
    playbackPath: enginePath(json.playback_url, 'playback_url'),
    statPath: enginePath(json.stat_url, 'stat_url'),
    commandPath: enginePath(json.command_url, 'command_url'),
    isLive: json.is_live !== 0,
  };
}

function count(value: unknown): number {
  const number = Number(value ?? 0);
  return Number.isFinite(number) && number > 0 ? number : 0;
}

/** Where a session that is otherwise unusable can be stopped, if its control document says so. */
export function commandPathOf(payload: unknown): string | undefined {
  try {
    return enginePath(object(payload, 'the session').command_url, 'command_url');
  } catch {
    return undefined;
  }
}

/** Reads a stat answer; the first one of a session may be an empty object. */
export function parseStat(payload: unknown): EngineStat {
  const json = object(payload ?? {}, 'the statistics');
  return {
    status: tame(json.status ?? 'idle', 20),
    peers: count(json.peers),
    speedDown: count(json.speed_down),
    downloadedBytes: count(json.downloaded),
    livePosition: livePositionOf(json.livepos),
  };
}

/** Numbers come as texts here. */
function livePositionOf(livepos: unknown): number | undefined {
  if (typeof livepos !== 'object' || livepos === null || !('last' in livepos)) return undefined;
  const last = count(livepos.last);
  return last > 0 ? last : undefined;
}

/** Reads a get_version answer. */
export function parseVersion(payload: unknown): EngineVersion {
  const json = object(payload, 'the version');
  if (typeof json.version !== 'string') throw bad('the version is not a text');
  return { version: tame(json.version, 40), platform: tame(json.platform ?? 'unknown', 40) };
}

/** Reads a get_network_connection_status answer. */
export function parseNetworkStatus(payload: unknown): boolean {
  return object(payload, 'the network status').connected === true;
}

/** Reads a get_media_files answer. */
export function parseMediaInfo(payload: unknown): MediaInfo {
  const json = object(payload, 'the media files');
  const infohash = String(json.infohash ?? '').toLowerCase();
  if (!HASH.test(infohash)) throw bad('the media files have no infohash');
  const name = json.name;
  return { infohash, name: typeof name === 'string' ? tame(name) : undefined };
}
