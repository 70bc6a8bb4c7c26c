/** The body that answers a login, with exactly the types that players insist on. */
import type { Standing, XtreamAccount } from './ports.ts';
import type { ZonedClock } from './zoned-clock.ts';

/** A player's credentials as it sent them. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Where players reach the gateway, seen from their side. */
export interface PublicOrigin {
  readonly protocol: 'http' | 'https';
  /** Host name or address, without port; IPv6 addresses in brackets. */
  readonly host: string;
  readonly port: number;
}

/** What a login answers about. */
export interface LoginFacts {
  readonly credentials: Credentials;
  readonly account: XtreamAccount;
  readonly standing: Standing;
  /** Streams that the account has open now. */
  readonly activeConnections: number;
  readonly origin: PublicOrigin;
  readonly clock: ZonedClock;
  readonly nowSeconds: number;
  /** Says null for an account that never expires, instead of a date far ahead. */
  readonly nullExpiry: boolean;
}

/** Says "wrong password"; anything but status 200 makes players say "no connection" instead. */
export const REFUSED = { user_info: { auth: 0 } } as const;

/** The formats that streams are served in; players ask for no other. */
export const SERVED_FORMATS: readonly string[] = ['ts'];

const STATUS: Readonly<Record<Standing, string>> = {
  active: 'Active',
  expired: 'Expired',
  disabled: 'Disabled',
  banned: 'Banned',
};

/** 2038-01-01: the last New Year that fits into the 32 bits some players keep dates in. */
const NEVER_EXPIRES = '2145916800';
/** Players read 0 as "none at all". */
const UNLIMITED_CONNECTIONS = '999999';

function expiry({ account, nullExpiry }: LoginFacts): string | null {
  if (account.expiresAt !== null) return String(account.expiresAt);
  return nullExpiry ? null : NEVER_EXPIRES;
}

/** `user_info`: `auth` is a number, every other number a text, and the credentials are those that were sent. */
function userInfo(facts: LoginFacts) {
  const { credentials, account, standing, activeConnections } = facts;
  return {
    username: credentials.username,
    password: credentials.password,
    message: '',
    auth: 1,
    status: STATUS[standing],
    exp_date: expiry(facts),
    is_trial: account.isTrial ? '1' : '0',
    active_cons: String(activeConnections),
    created_at: String(account.createdAt),
    max_connections: account.maxConnections === 0 ? UNLIMITED_CONNECTIONS : String(account.maxConnections),
    allowed_output_formats: SERVED_FORMATS.filter(format => account.formats.includes(format)),
  };
}

function serverInfo({ origin, clock, nowSeconds }: LoginFacts) {
  const port = String(origin.port);
  return {
    url: origin.host,
    port,
    // Only one of both is known to work; `port` is right for players that never look at this one.
    https_port: origin.protocol === 'https' ? port : '',
    server_protocol: origin.protocol,
    rtmp_port: '0',
    timezone: clock.timeZone,
    timestamp_now: nowSeconds,
    time_now: clock.show(nowSeconds),
    process: true,
  };
}

/** The whole body of a login that worked. */
export function loginBody(facts: LoginFacts) {
  return { user_info: userInfo(facts), server_info: serverInfo(facts) };
}

/** An origin as addresses begin with it; the port is left out where it goes without saying. */
export function originText({ protocol, host, port }: PublicOrigin): string {
  const isDefault = port === (protocol === 'https' ? 443 : 80);
  return `${protocol}://${host}${isDefault ? '' : `:${port}`}`;
}
