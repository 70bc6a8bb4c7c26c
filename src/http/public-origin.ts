/** Finds out where players reach the gateway: they build addresses from what a login and a playlist say. */
import type { IncomingMessage } from 'node:http';
import type { PublicOrigin } from '../xtream/login.ts';
import { type Cidr, cameFrom, headerText } from './client-address.ts';

const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i;

interface Seen {
  protocol: string | undefined;
  host: string | undefined;
  port: string | undefined;
}

/** The value nearest to the client, of headers to which each proxy adds one. */
const first = (text: string): string | undefined => text.split(',', 1)[0]!.trim() || undefined;

/** A part of a Forwarded header. */
function forwardedPart(element: string, name: string): string | undefined {
  const [, quoted, plain] = element.match(new RegExp(`(?:^|;)\\s*${name}=(?:"([^"]*)"|([^;\\s]*))`, 'i')) ?? [];
  return quoted ?? plain;
}

function seenByProxy(incoming: IncomingMessage): Seen {
  const element = first(headerText(incoming, 'forwarded')) ?? '';
  return {
    protocol: first(headerText(incoming, 'x-forwarded-proto')) ?? forwardedPart(element, 'proto'),
    host: first(headerText(incoming, 'x-forwarded-host')) ?? forwardedPart(element, 'host'),
    port: first(headerText(incoming, 'x-forwarded-port')),
  };
}

/** A port out of a text; undefined when it is none. */
function portOf(text: string | undefined): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port > 0 && port <= 65_535 ? port : undefined;
}

/** The origin as this process sees it: for clients that send no usable Host header. */
function ownOrigin({ socket }: IncomingMessage): PublicOrigin {
  const address = (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '');
  return { protocol: 'http', host: address.includes(':') ? `[${address}]` : address, port: socket.localPort ?? 80 };
}

/** Splits an origin; it must be one. */
function parseOrigin(text: string): PublicOrigin {
  const { protocol, hostname, port } = new URL(text);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { protocol: scheme, host: hostname, port: portOf(port) ?? (scheme === 'https' ? 443 : 80) };
}

/**
 * Where the sender of a request reaches the gateway.
 * @param configured the origin that the operator named; it goes before everything else
 */
export function publicOriginOf(
  incoming: IncomingMessage,
  { configured, trustedProxies }: { configured: string | undefined; trustedProxies: readonly Cidr[] },
): PublicOrigin {
  if (configured !== undefined) return parseOrigin(configured);
  const seen: Partial<Seen> = cameFrom(incoming, trustedProxies) ? seenByProxy(incoming) : {};
  const [, host, hostPort] = (seen.host ?? incoming.headers.host ?? '').match(HOST) ?? [];
  if (host === undefined) return ownOrigin(incoming);
  const protocol = seen.protocol?.toLowerCase() === 'https' ? 'https' : 'http';
  const port = portOf(seen.port) ?? portOf(hostPort) ?? (protocol === 'https' ? 443 : 80);
  return { protocol, host, port };
}
