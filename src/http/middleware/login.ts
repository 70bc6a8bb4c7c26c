import type { MiddlewareHandler } from 'hono';
import type { AdminLogin } from '../../auth/admin-login.ts';
import { SluiceError } from '../../shared/errors.ts';
import type { AppEnv } from '../app-env.ts';

interface Credentials {
  username: string | undefined;
  password: string;
}

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

/**
 * Lets administrators in: HTTP Basic with name and password, or the password as bearer token.
 * @param open requests that need no login; `c.var.admin` tells a handler whether there was one
 */
export function requireLogin(
  login: AdminLogin,
  open: (path: string, method: string, loopback: boolean) => boolean,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const credentials = parseAuthorization(c.req.header('authorization'));
    const admin =
      credentials !== undefined &&
      (await login.verify(credentials.username, credentials.password, c.var.client.address));
    if (!admin && (credentials !== undefined || !open(c.req.path, c.req.method, c.var.loopback))) {
      c.header('WWW-Authenticate', 'Basic realm="sluice", charset="UTF-8"');
      throw new SluiceError('login_required', 'Log in as administrator: HTTP Basic, or the password as bearer token.');
    }
    c.set('admin', admin);
    await next();
  };
}
