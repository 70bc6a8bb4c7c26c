import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** One kind of value: the words after "must be", the unit of the text, and the parser that reads the text. */
export interface Kind<T> {
  readonly accepts: string;
  readonly unit?: 's' | 'ms' | 'bytes';
  readonly schema: z.ZodType<T, string>;
}

/** A week: far beyond any sensible timeout, and well within what a timer can hold. */
const MAX_SECONDS = 604_800;
const MAX_SHARDS = 64;
const BYTES_PER_SUFFIX = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** Free text, held to a pattern that `accepts` puts into words. */
export const text = (accepts: string, pattern: RegExp): Kind<string> => ({
  accepts,
  schema: z.string().regex(pattern),
});

/** A switch. */
export const flag: Kind<boolean> = {
  accepts: 'true or false (or 1/0, yes/no, on/off, enabled/disabled)',
  schema: z.stringbool({
    truthy: ['true', '1', 'yes', 'on', 'enabled'],
    falsy: ['false', '0', 'no', 'off', 'disabled'],
  }),
};

/** One word out of a fixed set of lower-case words, in any case. */
export const oneOf = <const Words extends readonly string[]>(...words: Words): Kind<Words[number]> => ({
  accepts: `one of ${words.join(', ')}`,
  schema: z.string().toLowerCase().pipe(z.enum(words)),
});

const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max));

/** A count or a port. */
export const whole = (min: number, max: number): Kind<number> => ({
  accepts: `a whole number from ${min} to ${max}`,
  schema: wholeNumber(min, max),
});

/** A duration written in seconds, fractions allowed, and read as milliseconds. */
export const seconds = (min = 0.1, max = MAX_SECONDS): Kind<number> => ({
  accepts: `a number of seconds from ${min} to ${max}`,
  unit: 's',
  schema: z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .transform(value => Math.round(value * 1000)),
});

/** A duration written in milliseconds, for the few that are far below a second. */
export const milliseconds = (min: number, max: number): Kind<number> => ({
  accepts: `a whole number of milliseconds from ${min} to ${max}`,
  unit: 'ms',
  schema: wholeNumber(min, max),
});

const size = (min: number) =>
  z
    .string()
    .toUpperCase()
    .regex(/^\d+[KMG]?$/)
    .transform(text => {
      const suffix = text.replace(/\d+/, '') as keyof typeof BYTES_PER_SUFFIX;
      return Number.parseInt(text, 10) * BYTES_PER_SUFFIX[suffix];
    })
    .pipe(z.int().min(min * BYTES_PER_SUFFIX.M));

/** A size: plain bytes, or a number with K, M or G (powers of 1024). */
export const mebibytes = (min: number): Kind<number> => ({
  accepts: `a size of at least ${min}M, in bytes or with K, M or G (such as 48M)`,
  unit: 'bytes',
  schema: size(min),
});

/** The memory this process may use: that of its container, or else of the machine. */
function availableBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** A share of the memory: half of what there is, unless a size is given. */
export const memoryBudget = (min: number): Kind<number> => ({
  accepts: `auto or a size of at least ${min}M, in bytes or with K, M or G (such as 512M)`,
  unit: 'bytes',
  schema: z.union([
    z.literal('auto').transform(() => Math.max(min * BYTES_PER_SUFFIX.M, Math.floor(availableBytes() / 2))),
    size(min),
  ]),
});

/** The number of shards. One core is left to the front, which accepts viewers and answers everything else. */
export const shardCount: Kind<number> = {
  accepts: `auto or a whole number from 1 to ${MAX_SHARDS}`,
  schema: z.union([
    z.literal('auto').transform(() => Math.min(MAX_SHARDS, Math.max(1, availableParallelism() - 1))),
    wholeNumber(1, MAX_SHARDS),
  ]),
};

/** A host as a URL wants it: IPv6 addresses in brackets. */
export const bracketed = (hostname: string): string => (hostname.includes(':') ? `[${hostname}]` : hostname);

/** A host name or address; brackets around an IPv6 address are optional and dropped. */
export const host: Kind<string> = {
  accepts: 'a host name or an address, without scheme and port',
  schema: z
    .string()
    .transform(name => name.replace(/^\[(.+)\]$/, '$1'))
    .refine(name => /^([\w.-]+|[\da-f:.]+)$/i.test(name) && URL.canParse(`http://${bracketed(name)}`)),
};

/** An IANA time zone, as far as this build of Node knows it. */
export const timeZone: Kind<string> = {
  accepts: 'an IANA time zone such as Europe/Madrid',
  schema: z.string().refine(zone => {
    try {
      return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }));
    } catch {
      return false;
    }
  }),
};

/** Several values in one text. Each bad one is a problem of its own, which is why the items keep their own schema. */
const listOf = (accepts: string, item: z.ZodType<string, string>): Kind<readonly string[]> => ({
  accepts: `${accepts}, separated by commas`,
  schema: z
    .string()
    .transform(items => items.split(/[\s,]+/).filter(Boolean))
    .pipe(z.array(item))
    .transform(items => [...new Set(items)])
    .readonly(),
});

/** Strict about dotted quads: the lax reading turns a mistyped "10" into 0.0.0.10. */
const isRange = (range: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(range) ||
  ipaddr.IPv4.isValidCIDRFourPartDecimal(range) ||
  ipaddr.IPv6.isValid(range) ||
  ipaddr.IPv6.isValidCIDR(range);

/** Writes an address as a range of one, and an IPv4-mapped range as the IPv4 range that it stands for. */
function canonicalRange(range: string): string {
  const [address, bits] = range.includes('/')
    ? ipaddr.parseCIDR(range)
    : ([ipaddr.parse(range), ipaddr.IPv6.isValid(range) ? 128 : 32] as const);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96)
    return `${address.toIPv4Address()}/${bits - 96}`;
  return `${address}/${bits}`;
}

/** Addresses and CIDR ranges, each as `address/bits`: plain text, so that a configuration can cross to a thread. */
export const ranges: Kind<readonly string[]> = listOf(
  'addresses or CIDR ranges such as 10.0.0.0/8',
  z.string().refine(isRange).transform(canonicalRange),
);

const isHttp = (address: string): boolean => URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);

const originItem = z
  .string()
  .refine(address => isHttp(address) && new URL(address).href === `${new URL(address).origin}/`)
  .transform(address => new URL(address).origin);

/** One server by scheme, host and port alone. */
export const origin: Kind<string> = {
  accepts: 'an http or https origin such as https://tv.example.org, without path and credentials',
  schema: originItem,
};

/** Servers by scheme, host and port alone. */
export const origins: Kind<readonly string[]> = listOf(
  'http or https origins such as http://127.0.0.1:6878, without path and credentials',
  originItem,
);

const HOST_PATTERN = /^(\*|(?:\*\.)?[^*]+?)(:\d{1,5})?$/;

/** Writes the host of a pattern as URL does, so that one comparison of texts decides; undefined when it is none. */
function canonicalPattern(pattern: string): string | undefined {
  const [, name = '', port = ''] = pattern.match(HOST_PATTERN) ?? [];
  if (name === '*') return port === '' ? name : undefined;
  const [wildcard, rest] = name.startsWith('*.') ? ['*.', name.slice(2)] : ['', name];
  const address = `http://${rest}/`;
  if (/[/?#@\\]|:$/.test(rest) || !URL.canParse(address) || new URL(address).port !== '') return undefined;
  const number = Number(port.slice(1));
  if (number > 65_535) return undefined;
  return `${wildcard}${new URL(address).hostname}${port === '' ? '' : `:${number}`}`;
}

/** Hosts, each with a port if only that one is meant; `*.` stands for all names below one, `*` for every host. */
export const hostPatterns: Kind<readonly string[]> = listOf(
  'hosts such as tv.example, tv.example:8080, *.tv.example or *',
  z
    .string()
    .refine(pattern => canonicalPattern(pattern) !== undefined)
    .transform(pattern => canonicalPattern(pattern)!),
);

/** Web addresses; a comma inside one is written %2C. */
export const webAddresses: Kind<readonly string[]> = listOf('http or https addresses', z.string().refine(isHttp));

/** Web addresses, and files by their absolute path. */
export const webAddressesOrFiles: Kind<readonly string[]> = listOf(
  'http or https addresses or absolute paths',
  z.string().refine(text => isHttp(text) || path.isAbsolute(text)),
);

/** Language tags in lower case; `es` also stands for `es-MX`. */
export const languages: Kind<readonly string[]> = listOf(
  'language tags such as es or pt-BR',
  z
    .string()
    .regex(/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i)
    .transform(tag => tag.toLowerCase()),
);
