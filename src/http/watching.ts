/** What all routes that viewers watch by have in common. */
import type { Socket } from 'node:net';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, MiddlewareHandler } from 'hono';
import { SluiceError } from '../shared/errors.ts';
import type { StreamSpec } from '../shared/stream-spec.ts';
import type { Admission } from '../viewers/viewers.ts';
import type { AppEnv } from './app-env.ts';

const MAX_AGENT_CHARS = 200;

/**
 * Lets players in web pages of any origin read the answer. Not the framework's middleware for this: it rewrites finished
 * responses, and a viewer's is no longer ours then.
 */
export const anyOrigin: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.header('Access-Control-Allow-Origin', '*');
  await next();
};

/** Answers what such players ask first. */
export function preflight(c: Context<AppEnv>): Response {
  c.header('Access-Control-Allow-Methods', 'GET, HEAD');
  c.header('Access-Control-Allow-Headers', c.req.header('access-control-request-headers') ?? '*');
  return c.body(null, 204);
}

/** Refuses all methods that no other handler of the path has taken. */
export function onlyGet(c: Context<AppEnv>): never {
  c.header('Allow', 'GET, HEAD');
  throw new SluiceError('method_not_allowed', 'Only GET and HEAD work here.');
}

/** Makes a client a viewer: takes its socket away from the server. */
export type Admit = (socket: Socket, admission: Admission) => void;

/**
 * Makes the client a viewer, or answers HEAD.
 * @param specFor what it takes to open the stream; not asked for HEAD
 * @throws SluiceError what `admit` and `specFor` throw
 */
export async function watch(
  c: Context<AppEnv>,
  admit: Admit,
  specFor: () => StreamSpec | Promise<StreamSpec>,
): Promise<Response> {
  // Players and media servers ask before they open; that must not cost a session.
  if (c.req.raw.method === 'HEAD')
    return c.body(null, 200, { 'Content-Type': 'video/mp2t', 'Accept-Ranges': 'none', 'Cache-Control': 'no-store' });
  const stream = await specFor();
  const { socket } = c.env.incoming;
  if (socket.destroyed) return RESPONSE_ALREADY_SENT;
  const userAgent = (c.req.header('user-agent') ?? '').slice(0, MAX_AGENT_CHARS);
  admit(socket, { stream, address: c.var.client.address, userAgent });
  return RESPONSE_ALREADY_SENT;
}
