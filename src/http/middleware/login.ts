import type { MiddlewareHandler } from 'hono';
import type { AdminLogin } from '../../auth/admin-login.ts';
import { looksLikeToken, type Scope, type Tokens } from '../../auth/tokens.ts';
import { SluiceError } from '../../shared/errors.ts';
import type { AppEnv } from '../app-env.ts';

interface Credentials {
  username: string | undefined;
  password: string;
}

/** Who decides over tokens and administrators must be one: a script could else give itself more than it was given. */
const NO_TOKENS = /^\/api\/v\d+\/(tokens|admins)(\/|$)/;

function parseAuthorization(header: string | undefined): Credentials | undefined {
  const [, scheme = '', value = ''] = header?.match(/^(\S+) +(\S+) *$/) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { username: undefined, password: value };
    case 'basic': {
      const text = Buffer.from(value, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
    }
    default:
      return undefined;
  }
}

/** What a token needs for a request. */
function scopeFor(method: string): Scope {
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write';
}

/** @throws SluiceError `scope_missing` when a token is valid and still not enough */
async function isValidToken(tokens: Tokens, secret: string, path: string, method: string): Promise<boolean> {
  const token = await tokens.verify(secret);
  if (token === undefined) return false;
  if (NO_TOKENS.test(path)) throw new SluiceError('scope_missing', 'This takes an administrator, no token.');
  const scope = scopeFor(method);
  if (!token.scopes.includes(scope)) throw new SluiceError('scope_missing', `The token lacks the scope '${scope}'.`);
  return true;
}

/**
 * Lets administrators in: HTTP Basic with name and password, or as bearer the configured administrator's password or a
 * token that has the scope.
 * @param open requests that need no login; `c.var.admin` tells a handler whether there was one
 */
export function requireLogin(
  login: AdminLogin,
  tokens: Tokens,
  open: (path: string, method: string, loopback: boolean) => boolean,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { path } = c.req;
    const { method } = c.req.raw; // Hono calls HEAD a GET.
    const credentials = parseAuthorization(c.req.header('authorization'));
    let admin = false;
    if (credentials !== undefined) {
      const { username, password } = credentials;
      admin =
        username === undefined && looksLikeToken(password)
          ? await isValidToken(tokens, password, path, method)
          : await login.verify(username, password, c.var.client.address);
    }
    if (!admin && (credentials !== undefined || !open(path, method, c.var.loopback))) {
      c.header('WWW-Authenticate', 'Basic realm="sluice", charset="UTF-8"');
      throw new SluiceError('login_required', 'Log in as administrator: HTTP Basic, or password or token as bearer.');
    }
    c.set('admin', admin);
    await next();
  };
}
