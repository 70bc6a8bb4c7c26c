import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** More than this is no cost that this program has ever chosen; checking such a hash would be an attack on us. */
const MAX_MEMORY_BYTES = 256 << 20;

/** What one guess costs; stored in each hash, so that it can be raised later. */
export interface HashCost {
  /** Binary logarithm of scrypt's N. */
  logN: number;
  r: number;
  p: number;
}

/** About 60 ms and 32 MiB a guess. */
export const HASH_COST: HashCost = { logN: 15, r: 8, p: 1 };

interface StoredHash {
  cost: HashCost;
  salt: Buffer;
  key: Buffer;
}

function derive(password: string, salt: Buffer, { logN, r, p }: HashCost): Promise<Buffer> {
  const N = 2 ** logN;
  const options = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

function parse(hash: string): StoredHash {
  // Hashes of the first version name no cost; it was what `HASH_COST` said then.
  const [, logN = '15', r = '8', p = '1', salt = '', key = ''] =
    hash.match(/^scrypt\$(?:ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$)?([\w-]+)\$([\w-]+)$/) ?? [];
  const stored = {
    cost: { logN: Number(logN), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  };
  const memoryBytes = 128 * 2 ** stored.cost.logN * stored.cost.r;
  if (stored.key.length !== KEY_BYTES || memoryBytes > MAX_MEMORY_BYTES)
    throw new Error('not a password hash of this program');
  return stored;
}

/** A slow salted hash, as text: `scrypt$ln=…,r=…,p=…$<salt>$<key>`, salt and key in base64url. */
export async function hashPassword(password: string, cost: HashCost = HASH_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, cost);
  return `scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** Whether `password` is the one that was hashed; takes the same time either way. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const { cost, salt, key } = parse(hash);
  return timingSafeEqual(await derive(password, salt, cost), key);
}

/** Whether a hash is of `cost`, so that the password need not be hashed anew when it is known. */
export function isHashOf(cost: HashCost, hash: string): boolean {
  if (!hash.startsWith('scrypt$')) return false;
  const { logN, r, p } = parse(hash).cost;
  return logN === cost.logN && r === cost.r && p === cost.p;
}
