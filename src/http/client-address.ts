import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/** Headers in which proxies name the client; anybody can send them. */
const FORWARDING_HEADERS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
];

/** Ranges that can't be reached from outside. */
const PRIVATE_RANGES = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal']);

/** A range of addresses. */
export type Cidr = ReturnType<typeof ipaddr.parseCIDR>;

/** Who a request comes from, as far as it can be trusted. */
export interface Client {
  /** Address in its shortest form, or `unknown`. */
  address: string;
  /**
   * False when the request went through a proxy that nobody vouched for: its address then says nothing about who is
   * behind it, and it never counts as local.
   */
  trustworthy: boolean;
}

/** Parses `address/bits` texts. */
export function parseCidrs(texts: readonly string[]): Cidr[] {
  return texts.map(text => ipaddr.parseCIDR(text));
}

function parse(text: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Proxies write "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711" and, in Forwarded, quotes around them.
  const bare = text?.trim().replace(/^"(.*)"$/, '$1');
  const host = bare?.match(/^\[([^\]]+)\](?::\d+)?$/)?.[1] ?? bare?.match(/^([\d.]+):\d+$/)?.[1] ?? bare;
  // Only the usual spellings: "1" or "0x7f.1" name an address for some programs, and none for others.
  const valid = host !== undefined && (ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host));
  return valid ? ipaddr.process(host) : undefined;
}

function inAny(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly Cidr[]): boolean {
  return ranges.some(range => range[0].kind() === address.kind() && address.match(range));
}

/** A header's values, as one text. */
export function headerText(incoming: IncomingMessage, name: string): string {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

/** The chain of addresses the proxies wrote down, nearest last. */
function forwardedChain(incoming: IncomingMessage): (string | undefined)[] {
  const plain = headerText(incoming, 'x-forwarded-for');
  if (plain !== '') return plain.split(',');
  const standard = headerText(incoming, 'forwarded');
  if (standard === '') return [];
  return standard.split(',').map(element => element.match(/(?:^|;)\s*for=("[^"]*"|[^;]*)/i)?.[1]);
}

/** Finds out who sent a request; forwarding headers count only from `trustedProxies`. */
export function clientOf(incoming: IncomingMessage, trustedProxies: readonly Cidr[]): Client {
  const peer = parse(incoming.socket.remoteAddress);
  if (peer === undefined) return { address: 'unknown', trustworthy: false };
  const forwarded = FORWARDING_HEADERS.some(name => incoming.headers[name] !== undefined);
  if (!forwarded) return { address: peer.toString(), trustworthy: true };
  if (!inAny(peer, trustedProxies)) return { address: peer.toString(), trustworthy: false };
  // From the nearest hop outwards: the first that is no proxy of ours, or else the farthest, is the client.
  let client: ipaddr.IPv4 | ipaddr.IPv6 | undefined;
  for (const text of forwardedChain(incoming).reverse()) {
    client = parse(text);
    if (client === undefined || !inAny(client, trustedProxies)) break;
  }
  return client === undefined
    ? { address: 'unknown', trustworthy: false }
    : { address: client.toString(), trustworthy: true };
}

/** Whether a request came straight from an address in these ranges, whoever it says it is from. */
export function cameFrom(incoming: IncomingMessage, ranges: readonly Cidr[]): boolean {
  const peer = parse(incoming.socket.remoteAddress);
  return peer !== undefined && inAny(peer, ranges);
}

/** Whether a client is this machine itself. */
export function isLoopback(client: Client): boolean {
  return client.trustworthy && parse(client.address)?.range() === 'loopback';
}

/**
 * Whether a client may come in.
 * @param allowed ranges; empty means loopback and private addresses
 */
export function isAllowed(client: Client, allowed: readonly Cidr[]): boolean {
  // Whoever lets everybody in lets in those behind unknown proxies too.
  if (!client.trustworthy) return allowed.some(([, bits]) => bits === 0);
  const address = parse(client.address);
  if (address === undefined) return false;
  return allowed.length === 0 ? PRIVATE_RANGES.has(address.range()) : inAny(address, allowed);
}
