import { randomUUID } from 'node:crypto';
import { SluiceError } from '../shared/errors.ts';
import type { Lease, LeaseRequest } from '../shared/protocol.ts';
import type { StreamKey } from '../shared/stream-spec.ts';
import { EngineClient } from './engine-client.ts';

/** How an engine is, as of its last check. */
export interface EngineStatus {
  url: string;
  healthy: boolean;
  version: string | undefined;
  /** Why it is not healthy. */
  problem: string | undefined;
  sessions: number;
}

interface Member {
  client: EngineClient;
  /** Undefined until it was checked for the first time. */
  healthy: boolean | undefined;
  version: string | undefined;
  problem: string | undefined;
}

interface Holding {
  lease: Lease;
  shard: number;
  key: StreamKey;
  member: Member;
  infohash: string | undefined;
  commandPath: string | undefined;
}

/** What a check found is not asked again for this long, so that refusals come quickly while no engine is healthy. */
const RECHECK_MS = 1_000;

function holdingId(shard: number, leaseId: number): string {
  return `${shard}/${leaseId}`;
}

/** The content of a key, without the options that distinguish streams of one content. */
function contentOf(key: StreamKey): string {
  return key.split('?', 1)[0]!;
}

/**
 * The configured engines: which are healthy, and which shard runs which session where. An engine runs one session per
 * content (acestream-engine-api 7.1), so a content is leased once. Health is asked by version and network status, never
 * by opening a session.
 */
export class EnginePool {
  readonly #members: Member[];
  readonly #checkIntervalMs: number;
  readonly #maxSessions: number;
  readonly #onChange: (status: EngineStatus) => void;
  /** By shard and the number that the shard gave the lease. */
  readonly #holdings = new Map<string, Holding>();
  #timer: NodeJS.Timeout | undefined;
  readonly #now: () => number;
  #checking: Promise<void> | undefined;
  #checkedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param urls origins, in order of preference
   * @param maxSessions most sessions at once, all engines together
   * @param onChange told when an engine becomes healthy or stops being so
   */
  constructor(
    urls: readonly string[],
    checkIntervalMs: number,
    maxSessions: number,
    onChange: (status: EngineStatus) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#members = urls.map(url => ({
      client: new EngineClient(url),
      healthy: undefined,
      version: undefined,
      problem: 'It was not checked yet.',
    }));
    this.#checkIntervalMs = checkIntervalMs;
    this.#maxSessions = maxSessions;
    this.#onChange = onChange;
  }

  /** Begins to check the engines' health, now and on a timer. */
  start(): void {
    void this.check();
    this.#timer = setInterval(() => void this.check(), this.#checkIntervalMs).unref();
  }

  /** Checks every engine once; concurrent callers share one check. */
  check(): Promise<void> {
    this.#checking ??= Promise.all(this.#members.map(member => this.#probe(member)))
      .then(() => {})
      .finally(() => {
        this.#checking = undefined;
        this.#checkedMs = this.#now();
      });
    return this.#checking;
  }

  /** Every engine's status. */
  status(): EngineStatus[] {
    return this.#members.map(member => this.#statusOf(member));
  }

  /** Sessions that are leased now. */
  get leased(): number {
    return this.#holdings.size;
  }

  /** A client of the first healthy engine, or undefined when none is, which is checked once more before it is said. */
  async firstHealthy(): Promise<EngineClient | undefined> {
    return (await this.#firstHealthyMember())?.client;
  }

  /** The key under which a content with this canonical key is running, which differs when it was opened unresolved. */
  runningKey(canonical: StreamKey): StreamKey | undefined {
    const options = canonical.slice(contentOf(canonical).length);
    for (const { key, infohash } of this.#holdings.values())
      if (infohash !== undefined && infohash + options === canonical && key === contentOf(key) + options) return key;
    return undefined;
  }

  /**
   * Grants a session of one content to a shard.
   * @throws SluiceError `engine_unavailable` when no engine is healthy, `content_busy` when it runs with other options,
   *   `streams_full` when there are as many sessions as there may be
   */
  async lease(shard: number, { leaseId, content: key }: LeaseRequest): Promise<Lease> {
    const member = await this.#firstHealthyMember();
    if (member === undefined) throw this.#unavailable();
    for (const holding of this.#holdings.values())
      if (contentOf(holding.key) === contentOf(key) || holding.infohash === contentOf(key))
        throw new SluiceError(
          'content_busy',
          'This content is being played with other options, and an engine plays a content only once.',
        );
    if (this.#holdings.size >= this.#maxSessions)
      throw new SluiceError('streams_full', 'The gateway already runs as many streams as it may (MAX_STREAMS).');
    const lease: Lease = { leaseId, engineUrl: member.client.url, pid: randomUUID() };
    this.#holdings.set(holdingId(shard, leaseId), {
      lease,
      shard,
      key,
      member,
      infohash: undefined,
      commandPath: undefined,
    });
    return lease;
  }

  /** Notes how a lease's session can be stopped. */
  sessionOpened(shard: number, leaseId: number, infohash: string, commandPath: string): void {
    const holding = this.#holdings.get(holdingId(shard, leaseId));
    if (holding === undefined) return;
    holding.infohash = infohash;
    holding.commandPath = commandPath;
  }

  /** Takes a lease back. */
  release(shard: number, leaseId: number): void {
    this.#holdings.delete(holdingId(shard, leaseId));
  }

  /** Takes back what a dead shard held, and stops its sessions. */
  async reclaim(shard: number): Promise<void> {
    const held = [...this.#holdings.values()].filter(holding => holding.shard === shard);
    await Promise.all(
      held.map(async ({ lease, member, commandPath }) => {
        if (commandPath !== undefined) await member.client.stop(commandPath);
        this.release(shard, lease.leaseId);
      }),
    );
  }

  /** Ends the checks and every connection. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#members.map(({ client }) => client.destroy()));
  }

  async #firstHealthyMember(): Promise<Member | undefined> {
    const healthy = (): Member | undefined => this.#members.find(member => member.healthy === true);
    if (healthy() === undefined && this.#now() - this.#checkedMs >= RECHECK_MS) await this.check();
    return healthy();
  }

  async #probe(member: Member): Promise<void> {
    const before = member.healthy;
    try {
      // Engines of some builds lack the second call; only a clear "no" counts.
      const [{ version }, connected] = await Promise.all([
        member.client.version(),
        member.client.networkConnected().catch(() => true),
      ]);
      member.version = version;
      member.healthy = connected;
      member.problem = connected ? undefined : 'The engine has no network connection.';
    } catch (error) {
      member.healthy = false;
      member.problem = SluiceError.from(error).message;
    }
    if (member.healthy !== before) this.#onChange(this.#statusOf(member));
  }

  #statusOf(member: Member): EngineStatus {
    let sessions = 0;
    for (const holding of this.#holdings.values()) if (holding.member === member) sessions++;
    const { client, healthy, version, problem } = member;
    return { url: client.url, healthy: healthy === true, version, problem, sessions };
  }

  #unavailable(): SluiceError {
    if (this.#members.length === 0)
      return new SluiceError('engine_disabled', 'AceStream is switched off here (ACESTREAM_ENABLED).');
    const problems = new Set(this.#members.map(({ problem }) => problem));
    return new SluiceError('engine_unavailable', `No engine is available. ${[...problems].join(' ')}`);
  }
}
