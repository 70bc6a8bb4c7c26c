/** How a player's request is read, and who sent it. */
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { SluiceError } from '../../../shared/errors.ts';
import type { Params } from '../../../xtream/answers.ts';
import type { Credentials } from '../../../xtream/login.ts';
import type { LoginPort, Verdict } from '../../../xtream/ports.ts';
import type { AppEnv } from '../../app-env.ts';

/** Players send a handful of short fields. */
const MAX_BODY_BYTES = 64 * 1024;

/** Refuses bodies that no player sends. */
export const smallBody: MiddlewareHandler<AppEnv> = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new SluiceError('body_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  },
});

/** Reads what a form or a JSON object says; players send an empty object where they have nothing to say. */
function parseBody(text: string): [string, string][] {
  if (!text.trimStart().startsWith('{')) return [...new URLSearchParams(text)];
  try {
    const fields = JSON.parse(text) as Record<string, unknown>;
    return Object.entries(fields).filter((field): field is [string, string] => typeof field[1] === 'string');
  } catch {
    return [];
  }
}

/** Reads parameters from query and body; where both name one, the query's holds. */
export async function paramsOf(c: Context<AppEnv>): Promise<Params> {
  const given = [...new URL(c.req.url).searchParams];
  if (c.req.method === 'POST') given.push(...parseBody(await c.req.text()));
  return name => given.find(([key, value]) => key === name && value !== '')?.[1];
}

/** The credentials in a request; empty where there are none. */
export function credentialsIn(params: Params): Credentials {
  return { username: params('username') ?? '', password: params('password') ?? '' };
}

/** Checks credentials. Who sends none is refused without being counted as guessing. */
export async function verify(
  c: Context<AppEnv>,
  logins: LoginPort,
  { username, password }: Credentials,
): Promise<Verdict> {
  if (username === '' || password === '') return { kind: 'refused' };
  return logins.verify(username, password, c.var.client.address);
}

/** Answers somebody who guesses too much, where the answer is not JSON that players read. */
export function throttled(c: Context<AppEnv>, retryAfterSeconds: number): Response {
  const error = new SluiceError('login_throttled', 'Too many failed logins from this address; try again later.');
  return c.json(error.toBody(), 429, { 'Retry-After': String(retryAfterSeconds) });
}

/** Refuses credentials, where the answer is not JSON that players read. */
export function refused(): SluiceError {
  return new SluiceError('account_refused', 'There is no account with this name and password.');
}
