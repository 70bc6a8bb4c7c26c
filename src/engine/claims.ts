import type { LeaseRequest } from '../shared/protocol.ts';
import type { StreamKey } from '../shared/stream-spec.ts';
import type { EngineMember } from './engine-member.ts';

/** A shard's wish for a lease, from the request until the lease is given back. */
export interface Claim {
  readonly shard: number;
  readonly request: LeaseRequest;
  /** The engine that was granted; undefined while the shard waits. */
  member: EngineMember | undefined;
  /** What the engine says that the content is, once a session is open. */
  infohash: string | undefined;
  /** How the session can be stopped, once it is open. */
  commandPath: string | undefined;
}

/** The content of a key, without the options that distinguish streams of one content. */
export function contentOf(key: StreamKey): string {
  return key.split('?', 1)[0]!;
}

function claimId(shard: number, leaseId: number): string {
  return `${shard}/${leaseId}`;
}

/** Every claim there is, and what is claimed by them. A content is claimed once, because an engine plays it once. */
export class Claims {
  /** By shard and the number that the shard gave the lease. */
  readonly #claims = new Map<string, Claim>();

  /** Notes a new wish. */
  add(shard: number, request: LeaseRequest): Claim {
    const id = claimId(shard, request.leaseId);
    if (this.#claims.has(id)) throw new Error(`shard ${shard} used the number ${request.leaseId} for two leases`);
    const claim: Claim = { shard, request, member: undefined, infohash: undefined, commandPath: undefined };
    this.#claims.set(id, claim);
    return claim;
  }

  /** The claim to which a shard gave this number. */
  find(shard: number, leaseId: number): Claim | undefined {
    return this.#claims.get(claimId(shard, leaseId));
  }

  /** Forgets a claim. */
  remove({ shard, request }: Claim): void {
    this.#claims.delete(claimId(shard, request.leaseId));
  }

  /** Everything that a shard claims. */
  ofShard(shard: number): Claim[] {
    return [...this.#claims.values()].filter(claim => claim.shard === shard);
  }

  /** Whether a content is claimed, whatever its options and under whichever of its names. */
  includes(key: StreamKey): boolean {
    const content = contentOf(key);
    for (const { request, infohash } of this.#claims.values())
      if (contentOf(request.content) === content || infohash === content) return true;
    return false;
  }

  /** The key under which a content with this canonical key is running, which differs when it was opened unresolved. */
  runningKey(canonical: StreamKey): StreamKey | undefined {
    const options = canonical.slice(contentOf(canonical).length);
    for (const { request, infohash } of this.#claims.values()) {
      const key = request.content;
      if (infohash !== undefined && infohash + options === canonical && key === contentOf(key) + options) return key;
    }
    return undefined;
  }
}
