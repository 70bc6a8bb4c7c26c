import { randomUUID } from 'node:crypto';
import { type ErrorCode, SluiceError } from '../shared/errors.ts';
import type { Lease, LeaseRequest } from '../shared/protocol.ts';
import type { StreamKey } from '../shared/stream-spec.ts';
import { type Claim, Claims, contentOf } from './claims.ts';
import type { Clock } from './clock.ts';
import { type Choice, chooseEngine, isWorthWaiting, refusal } from './engine-choice.ts';
import type { EngineMember, EngineStatus } from './engine-member.ts';
import type { HealthChecks } from './health-checks.ts';
import { RecentEngines } from './recent-engines.ts';
import { StartQueue } from './start-queue.ts';

/** What is told about leases. */
export interface LeaseEvents {
  leaseGranted(status: EngineStatus): void;
  /** A lease came back because the engine failed, or the content did there. */
  leaseFailed(status: EngineStatus, code: ErrorCode): void;
}

/** What a {@link LeaseDesk} works with, besides the engines. */
export interface LeaseDeskParts {
  events: LeaseEvents;
  /** Ends a session that nobody needs. @returns whether there was one */
  makeRoom: () => Promise<boolean>;
  clock: Clock;
}

/**
 * Gives engines to shards and takes them back. A request is a claim from the moment it arrives, so that it can be taken
 * back at any time; it waits in the queue until it is granted or refused, and ends when its lease is returned.
 */
export class LeaseDesk {
  readonly #members: readonly EngineMember[];
  readonly #health: HealthChecks;
  readonly #events: LeaseEvents;
  readonly #queue: StartQueue;
  readonly #claims = new Claims();
  readonly #recent = new RecentEngines();
  readonly #makeRoom: () => Promise<boolean>;
  /** Claims for which room is being made: they are not refused meanwhile. */
  readonly #hopeful = new Set<Claim>();
  #closed = false;

  /** @param members in order of preference */
  constructor(members: readonly EngineMember[], health: HealthChecks, { events, makeRoom, clock }: LeaseDeskParts) {
    this.#members = members;
    this.#health = health;
    this.#events = events;
    this.#makeRoom = makeRoom;
    this.#queue = new StartQueue(clock);
  }

  /** Requests that wait now. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** The key under which a content with this canonical key is running, which differs when it was opened unresolved. */
  runningKey(canonical: StreamKey): StreamKey | undefined {
    return this.#claims.runningKey(canonical);
  }

  /**
   * Grants a session of one content to a shard, at once or when an engine has finished another start.
   * @throws SluiceError `content_busy` when the content is claimed already; `engines_busy`, `engines_full` or
   *   `engine_unavailable` when no engine can take it within the time that the shard wants to wait
   */
  lease(shard: number, request: LeaseRequest): Promise<Lease> {
    const error = this.#refusalAtOnce(request.content);
    if (error !== undefined) return Promise.reject(error);
    // Before anything is awaited: the shard may take its request back with its next message.
    const claim = this.#claims.add(shard, request);
    const outcome = this.#queue.join(claim);
    void this.#admit(claim);
    return outcome;
  }

  /** Notes how a lease's session can be stopped. */
  sessionOpened(shard: number, leaseId: number, infohash: string, commandPath: string): void {
    const claim = this.#claims.find(shard, leaseId);
    if (claim?.member === undefined) return;
    claim.infohash = infohash;
    claim.commandPath = commandPath;
    this.#recent.remember(infohash, claim.member);
  }

  /** Data flows under a lease: its engine can start the next. */
  flowing(shard: number, leaseId: number): void {
    const claim = this.#claims.find(shard, leaseId);
    if (claim?.member === undefined) return;
    claim.member.flowing(claim);
    this.serve();
  }

  /** Takes a lease back, or a request that still waits for one. */
  returned(shard: number, leaseId: number, failure: ErrorCode | undefined): void {
    const claim = this.#claims.find(shard, leaseId);
    if (claim === undefined) return;
    if (claim.member === undefined)
      this.#refuse(claim, new SluiceError('stream_closed', 'Nobody waits for this engine any more.'));
    else this.#end(claim, claim.member, failure);
  }

  /** Takes back what a dead shard claimed, and stops its sessions; the engine client bounds how long that takes. */
  async reclaim(shard: number): Promise<void> {
    const claims = this.#claims.ofShard(shard);
    // Those who wait go first, or they would be given the starts that the others free.
    for (const claim of claims)
      if (claim.member === undefined) this.#refuse(claim, new SluiceError('link_closed', 'The shard ended.'));
    await Promise.all(
      claims.map(async claim => {
        const { member, commandPath } = claim;
        if (member === undefined) return;
        if (commandPath !== undefined) {
          member.abandoned(claim);
          this.serve();
          await member.client.stop(commandPath);
        }
        this.#end(claim, member, undefined);
      }),
    );
  }

  /** Grants what can be granted now, in the order of arrival; to be called when an engine may have become free. */
  serve(): void {
    for (const claim of this.#queue.claims()) {
      const choice = this.#choose(claim);
      // Sessions last for hours, so there is no point in waiting for one to end by itself.
      if (choice.kind === 'engine' || (choice.kind === 'full' && !this.#hopeful.has(claim)))
        this.#settle(claim, choice);
    }
  }

  /** Refuses everybody, those who wait included. */
  close(): void {
    this.#closed = true;
    for (const claim of this.#queue.claims())
      this.#refuse(claim, new SluiceError('shutting_down', 'The gateway is shutting down.'));
  }

  #refusalAtOnce(content: StreamKey): SluiceError | undefined {
    if (this.#closed) return new SluiceError('shutting_down', 'The gateway is shutting down.');
    if (this.#members.length === 0)
      return new SluiceError('engine_disabled', 'AceStream is switched off here (ACESTREAM_ENABLED).');
    if (this.#claims.includes(content))
      return new SluiceError(
        'content_busy',
        'This content is being played with other options, and an engine plays a content only once.',
      );
    return undefined;
  }

  async #admit(claim: Claim): Promise<void> {
    if (this.#health.isDoubtful) await this.#health.check();
    if (!this.#queue.has(claim)) return; // Granted when the check found an engine well, or taken back meanwhile.
    if (this.#choose(claim).kind === 'full') await this.#hopeForRoom(claim);
    if (!this.#queue.has(claim)) return;
    const choice = this.#choose(claim);
    const { waitMs } = claim.request;
    if (choice.kind !== 'engine' && isWorthWaiting(choice, waitMs))
      this.#queue.limit(claim, waitMs, () => this.#settle(claim, this.#choose(claim)));
    else this.#settle(claim, choice);
  }

  async #hopeForRoom(claim: Claim): Promise<void> {
    this.#hopeful.add(claim);
    await this.#makeRoom().catch(() => false);
    this.#hopeful.delete(claim);
  }

  #choose({ request: { content, avoid, onlyOthers } }: Claim): Choice {
    const members = onlyOthers ? this.#members.filter(({ client }) => !avoid.includes(client.url)) : this.#members;
    return chooseEngine(members, avoid, this.#recent.of(contentOf(content)));
  }

  #settle(claim: Claim, choice: Choice): void {
    if (choice.kind !== 'engine') {
      this.#refuse(claim, refusal(choice, this.#members));
      return;
    }
    const { member } = choice;
    const { leaseId, content } = claim.request;
    claim.member = member;
    member.granted(claim);
    this.#recent.remember(contentOf(content), member);
    this.#queue.grant(claim, { leaseId, engineUrl: member.client.url, pid: randomUUID() });
    this.#events.leaseGranted(member.status());
  }

  #refuse(claim: Claim, error: SluiceError): void {
    this.#claims.remove(claim);
    this.#queue.refuse(claim, error);
  }

  #end(claim: Claim, member: EngineMember, failure: ErrorCode | undefined): void {
    this.#claims.remove(claim);
    if (failure !== undefined) {
      for (const content of [contentOf(claim.request.content), claim.infohash])
        if (content !== undefined) this.#recent.forget(content, member);
      this.#events.leaseFailed(member.status(), failure);
    }
    member.returned(claim, failure);
    this.serve();
  }
}
