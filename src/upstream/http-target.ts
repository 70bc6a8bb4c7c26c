import { SluiceError } from '../shared/errors.ts';

/** What one request is sent to, and with. */
export interface HttpTarget {
  /** Without credentials and fragment. */
  readonly url: URL;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

const ALWAYS_SENT = { accept: '*/*', 'accept-encoding': 'identity' };
/** All else may be meant for one server only: Authorization and Cookie, and headers that providers make up. */
const SENT_TO_ANY_ORIGIN = new Set([...Object.keys(ALWAYS_SENT), 'user-agent', 'referer']);

/**
 * The first target of a source.
 * @param address absolute http or https address; credentials in it become Basic authentication
 * @throws SluiceError `selector_malformed`
 */
export function firstTarget(address: string, headers: Readonly<Record<string, string>>): HttpTarget {
  const url = parseHttp(address);
  if (url === undefined)
    throw new SluiceError('selector_malformed', "The source's address is not an http or https address.");
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return withoutCredentials(url, { ...ALWAYS_SENT, ...Object.fromEntries(named) });
}

/**
 * Where a redirect leads; another origin gets no header that could be a secret.
 * @throws SluiceError `source_bad_answer`
 */
export function nextTarget({ url, headers }: HttpTarget, location: string): HttpTarget {
  const next = parseHttp(location, url);
  if (next === undefined)
    throw new SluiceError('source_bad_answer', 'The source redirected to something that is no http or https address.');
  if (next.origin === url.origin) return withoutCredentials(next, headers);
  const harmless = Object.entries(headers).filter(([name]) => SENT_TO_ANY_ORIGIN.has(name));
  return withoutCredentials(next, Object.fromEntries(harmless));
}

function parseHttp(address: string, base?: URL): URL | undefined {
  if (!URL.canParse(address, base?.href)) return undefined;
  const url = new URL(address, base);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

/** Moves credentials from the address into a header. */
function withoutCredentials(url: URL, headers: Readonly<Record<string, string>>): HttpTarget {
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  if (username === '' && password === '') return { url, headers };
  const pair = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { url, headers: { ...headers, authorization: `Basic ${pair}` } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign means itself.
  }
}
