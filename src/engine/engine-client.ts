/** One AceStream engine over HTTP: every call bounded in time and size, every failure coded. */
import { Agent, type Dispatcher, request } from 'undici';
import { SluiceError } from '../shared/errors.ts';
import type { ContentSelector } from '../shared/stream-spec.ts';
import { EndlessAnswer } from './endless-answer.ts';
import {
  commandPathOf,
  type EngineSession,
  type EngineStat,
  type EngineVersion,
  enginePath,
  type MediaInfo,
  parseMediaInfo,
  parseNetworkStatus,
  parseSession,
  parseStat,
  parseVersion,
  tame,
  unwrap,
} from './engine-wire.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 3_000;
/** A hung engine may hang in stop as well (acestream-engine-api 6.2). */
const STOP_TIMEOUT_MS = 3_000;
const STOP_ATTEMPTS = 2;
const MAX_JSON_BYTES = 1 << 20;
/** Normally one hop; some builds add another (acestream-engine-api 3.1). */
const MAX_REDIRECTS = 4;

/** An open progressive body. */
export interface Playback {
  contentType: string;
  body: Pick<EndlessAnswer, 'read' | 'destroy'>;
}

/** Options of {@link EngineClient.start}. */
export interface StartOptions {
  selector: ContentSelector;
  /** Passed on as they are, e.g. `transcode_audio`. */
  options: Readonly<Record<string, string>>;
  /** Player id; the same id gets the same session again. */
  pid: string;
  /** How long the engine may take to answer. */
  timeoutMs: number;
}

/** Talks to one engine. Safe to use from any thread; each thread has its own. */
export class EngineClient {
  /** Origin of the engine, e.g. `http://127.0.0.1:6878`. */
  readonly url: string;
  readonly #agent: Agent;

  /** @param url origin of the engine, as configured */
  constructor(url: string) {
    this.url = url;
    // Time limits are set per call; playback has none, because its supervisor watches the statistics instead.
    this.#agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Closes every connection at once. */
  destroy(): Promise<void> {
    return this.#agent.destroy();
  }

  /** Name and version of the engine; answers even when the engine has no network. */
  async version(): Promise<EngineVersion> {
    return parseVersion(await this.#call('/webui/api/service', { method: 'get_version' }, PROBE_TIMEOUT_MS));
  }

  /** Whether the engine reaches its network. */
  async networkConnected(): Promise<boolean> {
    const query = { api_version: '3', method: 'get_network_connection_status' };
    return parseNetworkStatus(await this.#call('/server/api', query, PROBE_TIMEOUT_MS));
  }

  /**
   * Looks a content up without opening a session (acestream-engine-api 6.5).
   * @throws SluiceError `content_not_found` when the engine does not know it
   */
  async mediaInfo(selector: ContentSelector, timeoutMs: number): Promise<MediaInfo> {
    const query = { api_version: '3', method: 'get_media_files', [selector.kind]: selector.value };
    return parseMediaInfo(await this.#call('/server/api', query, timeoutMs));
  }

  /**
   * Opens a session. It must be ended with {@link stop}. The call can't be cancelled: the engine would open the session
   * all the same, and nobody would know how to stop it. One that answers too late is left to the engine's idle expiry,
   * because stopping it could end a newer session of the same content (acestream-engine-api 7.1).
   */
  async start({ selector, options, pid, timeoutMs }: StartOptions): Promise<EngineSession> {
    // `id` is what every engine version knows for a content id (acestream-engine-api 3.2).
    const param = selector.kind === 'content_id' ? 'id' : selector.kind;
    const query = { ...options, format: 'json', pid, [param]: selector.value };
    const payload = await this.#call('/ace/getstream', query, timeoutMs);
    try {
      return parseSession(payload);
    } catch (error) {
      // The session is open all the same.
      const commandPath = commandPathOf(payload);
      if (commandPath !== undefined) await this.stop(commandPath);
      throw error;
    }
  }

  /** Asks how a session is doing; this also keeps it from expiring. */
  async stat(session: EngineSession): Promise<EngineStat> {
    return parseStat(await this.#call(session.statPath, {}, PROBE_TIMEOUT_MS));
  }

  /**
   * Ends a session. A session the engine has forgotten counts as ended.
   * @returns false when the engine did not confirm; the session then ends when the engine finds it idle
   */
  async stop(commandPath: string): Promise<boolean> {
    for (let attempt = 1; attempt <= STOP_ATTEMPTS; attempt++) {
      try {
        await this.#call(commandPath, { method: 'stop' }, STOP_TIMEOUT_MS);
        return true;
      } catch (error) {
        if (SluiceError.from(error).code === 'session_lost') return true;
      }
    }
    return false;
  }

  /**
   * Opens a session's bytes, following redirects by hand: bodies of redirects are never read, because they may not end
   * (acestream-engine-api section 1).
   * @param signal ends the request, or the body once it is open
   */
  async openPlayback(session: EngineSession, signal: AbortSignal): Promise<Playback> {
    let path = session.playbackPath;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#open(path, signal);
      if (answer.statusCode === 200) return { contentType: contentType(answer), body: answer };
      answer.destroy(new Error('the body of a redirect is not read'));
      if (answer.statusCode < 300 || answer.statusCode >= 400)
        throw new SluiceError('engine_bad_answer', `The engine answered playback with status ${answer.statusCode}.`);
      path = enginePath(answer.headers.location, 'the redirect');
    }
    throw new SluiceError('engine_bad_answer', `The engine redirected playback more than ${MAX_REDIRECTS} times.`);
  }

  async #call(path: string, query: Record<string, string>, timeoutMs: number): Promise<unknown> {
    const limitMs = Math.ceil(timeoutMs); // What is left of a budget is seldom a whole number; timers need one.
    const signal = AbortSignal.timeout(limitMs);
    try {
      const url = new URL(path, this.url);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const answer = await this.#get(url.pathname + url.search, signal);
      const text = await readText(answer.body);
      return unwrap(parseJson(text, answer.statusCode));
    } catch (error) {
      if (signal.aborted)
        throw new SluiceError('engine_silent', `The engine did not answer within ${limitMs / 1000} s.`);
      throw error instanceof SluiceError ? error : transportError(error);
    }
  }

  /** Sends a request whose body may never end; settles when its head has come. */
  async #open(path: string, signal: AbortSignal): Promise<EndlessAnswer> {
    const answer = new EndlessAnswer();
    signal.addEventListener('abort', () => answer.destroy(signal.reason as Error), { once: true });
    if (signal.aborted) answer.destroy(signal.reason as Error);
    const { origin } = new URL(this.url);
    this.#agent.dispatch({ origin, path, method: 'GET', reset: true }, answer);
    try {
      return await answer.head;
    } catch (error) {
      if (signal.aborted) throw error;
      throw transportError(error);
    }
  }

  async #get(path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      // A connection per call: engines close idle ones without notice, and calls are rare.
      return await request(new URL(path, this.url), { dispatcher: this.#agent, signal, reset: true });
    } catch (error) {
      if (signal.aborted) throw error;
      throw transportError(error);
    }
  }
}

/** Messages don't say where the engine is: viewers read them. */
function transportError(error: unknown): SluiceError {
  const { code = 'no connection', name } = error as { code?: string; name?: string };
  if (/^(HPE_|UND_ERR_(HEADERS_OVERFLOW|INFO|RES))/.test(code) || name === 'HTTPParserError')
    return new SluiceError('engine_bad_answer', `The engine does not speak HTTP here (${code}).`, { cause: error });
  return new SluiceError('engine_unavailable', `The engine cannot be reached (${code}).`, { cause: error });
}

function contentType({ headers }: EndlessAnswer): string {
  const value = headers['content-type'];
  return value !== undefined && /^[\w.+-]+\/[\w.+-]+(;[\w\s=."+-]*)?$/.test(value) ? value : 'application/octet-stream';
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_JSON_BYTES)
      throw new SluiceError('engine_bad_answer', `The engine's answer is longer than ${MAX_JSON_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SluiceError(
      'engine_bad_answer',
      `The engine answered with status ${status} and something that is not JSON: ${tame(text, 80) || 'nothing'}.`,
    );
  }
}
