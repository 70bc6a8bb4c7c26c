/** Which addresses a source may be read from. The check happens where a connection is made, not where a name is read. */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '../shared/errors.ts';

/**
 * What an address is good for.
 * - public: anybody can reach it.
 * - private: this machine and networks behind it.
 * - unusable: no server that streams has it. Link-local ones are among these, because clouds keep secrets there.
 */
export type AddressClass = 'public' | 'private' | 'unusable';

/** How names and addresses are understood; tests bring their own. */
export interface Network {
  resolve(hostname: string, options: LookupOptions): Promise<LookupAddress[]>;
  classify(address: string): AddressClass;
}

const PRIVATE_RANGES = new Set<string>(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal', 'reserved']);
/** All that is handed out for public use; outside of it ipaddr.js takes forgotten forms such as `::127.0.0.1` for it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Where DNS64 puts IPv4 addresses (RFC 6052). */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/** Says what an address is good for; what is no address is unusable. */
export function classOf(address: string): AddressClass {
  const canonical = inHexadecimal(address);
  if (!ipaddr.isValid(canonical)) return 'unusable';
  let parsed = ipaddr.process(canonical); // IPv4-mapped ones are what they map to.
  if (parsed instanceof ipaddr.IPv6 && parsed.match(NAT64)) parsed = new ipaddr.IPv4(parsed.toByteArray().slice(-4)); // So are those that a translator maps.
  const range: string = parsed.range();
  if (PRIVATE_RANGES.has(range)) return 'private';
  const isGlobal = parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST);
  return range === 'unicast' && isGlobal ? 'public' : 'unusable';
}

/** Writes IPv6 without dots, because ipaddr.js takes `::1.2.3.4`, which systems print as well, for a mapped address. */
function inHexadecimal(address: string): string {
  if (!address.includes(':')) return address;
  const url = `http://[${address.split('%', 1)[0]}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : '';
}

/** The names and addresses of the system. */
export const SYSTEM_NETWORK: Network = {
  resolve: (hostname, options) => systemLookup(hostname, { ...options, all: true }),
  classify: classOf,
};

/**
 * Checks every address that one connection could be made to. It is asked by the socket itself, for the very addresses
 * that it then tries, so a name that resolves differently from one moment to the next (DNS rebinding) gains nothing.
 */
export class AddressGuard {
  readonly #network: Network;
  readonly #refusePrivate: string | undefined;
  /** Whether a public address was among those let through. */
  reachedPublic = false;

  /** @param refusePrivate why private addresses are refused, as users read it; undefined lets them through */
  constructor(network: Network, refusePrivate: string | undefined) {
    this.#network = network;
    this.#refusePrivate = refusePrivate;
  }

  /**
   * Checks the host of an address where it is an address itself: sockets don't look those up.
   * @param hostname as URL has it: every spelling of IPv4 is four decimal numbers there, and IPv6 is in brackets
   * @throws SluiceError `source_not_allowed`
   */
  checkLiteral(hostname: string): void {
    const bare = hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(bare) !== 0) this.#check(bare);
  }

  /** Resolves a name for a socket, and fails if any of its addresses is refused. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(hostname, options).then(
      addresses => {
        if (options.all) callback(null, addresses);
        else callback(null, addresses[0]!.address, addresses[0]!.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };

  async #resolve(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    const addresses = await this.#network.resolve(hostname, options);
    if (addresses.length === 0) throw new SluiceError('source_unavailable', "The source's name has no address.");
    for (const { address } of addresses) this.#check(address);
    return addresses;
  }

  #check(address: string): void {
    const kind = this.#network.classify(address);
    switch (kind) {
      case 'public':
        this.reachedPublic = true;
        break;
      case 'private':
        if (this.#refusePrivate !== undefined) throw new SluiceError('source_not_allowed', this.#refusePrivate);
        break;
      case 'unusable':
        throw new SluiceError(
          'source_not_allowed',
          "The source's address is none that a stream is read from (link-local, multicast, unspecified or tunnelled).",
        );
      default:
        kind satisfies never;
    }
  }
}
