import type { FaultPatch } from '../../workers/demo/fault-set.ts';
import { startGateway, sum, type TestGateway } from './gateway.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { until } from './until.ts';
import type { Viewer } from './viewer.ts';

/** The content that every engine of a {@link Scene} broadcasts, the same packets at the same time. */
export const INFOHASH = '1'.repeat(40);

/** Much less patient than real ones, in the same order of size. */
const QUICK = {
  SHARDS: '1',
  STALL_TIMEOUT: '0.5',
  ACESTREAM_EMPTY_TIMEOUT: '2',
  ACESTREAM_NO_RESPONSE_TIMEOUT: '1',
  ACESTREAM_TIMEOUT: '5',
  START_STALLED_TIMEOUT: '1.5',
  RECOVERY_TIMEOUT: '8',
  ENGINE_HEALTH_INTERVAL: '0.3',
};
const BITS_PER_SECOND = 1_000_000;
/** More than any outage here lasts, so that an engine that is asked again repeats what was missed. */
const BURST_SECONDS = 10;
/** About half a second of stamped packets. */
const SOME_PACKETS = 300;

/** How a scene differs from the usual one. */
export interface SceneOptions {
  engines?: number;
  env?: Record<string, string>;
  burstSeconds?: number;
  burstBytes?: number;
  /** Faults from the beginning, at every engine. */
  faults?: FaultPatch;
  /** How long engines keep a session that nobody reads; about as long as a test. */
  idleExpiryMs?: number;
}

/** What one viewer saw. */
export interface Seen {
  stayed: boolean;
  /** Packets off the grid, and jumps of continuity counters whether announced or not. */
  damaged: number;
  lost: number;
  repeated: number;
  /** Whether a clock or a picture was said to be discontinuous. */
  announced: boolean;
}

/** What the books of the gateway and the engines say once everybody has left. */
export interface Books {
  /** Times that bytes stopped coming, by reason. */
  interruptions: Record<string, number>;
  /** Times that they came again, by what helped. */
  recoveries: Record<string, number>;
  /** Every further attempt: why, and how. */
  attempts: string[];
  /** Sessions of each engine: started, stopped, expired. */
  sessions: [started: number, stopped: number, expired: number][];
}

/** Two viewers of one stream, at one engine or several that broadcast the same. */
export class Scene {
  readonly engines: readonly StandIn[];
  readonly gateway: TestGateway;
  readonly viewers: Viewer[] = [];

  private constructor(engines: readonly StandIn[], gateway: TestGateway) {
    this.engines = engines;
    this.gateway = gateway;
  }

  /** Starts everything, and waits until two viewers see the stream. */
  static async open({
    engines: count = 1,
    env = {},
    faults = {},
    idleExpiryMs = 3_000,
    ...burst
  }: SceneOptions): Promise<Scene> {
    const liveSinceMs = Number(process.hrtime.bigint()) / 1e6;
    const engines = await Promise.all(Array.from({ length: count }, () => startStandIn({ idleExpiryMs })));
    for (const engine of engines)
      engine.putContent(INFOHASH, {
        kind: 'synthetic',
        bitsPerSecond: BITS_PER_SECOND,
        burstSeconds: BURST_SECONDS,
        liveSinceMs,
        faults,
        ...burst,
      });
    const gateway = await startGateway({
      ACESTREAM_ENGINES: engines.map(({ url }) => url).join(','),
      ...QUICK,
      ...env,
    });
    const scene = new Scene(engines, gateway);
    try {
      await until('engines to be healthy', async () => sum(await gateway.metric('sluice_engine_up')) === count);
      for (const name of ['first', 'second']) {
        const viewer = gateway.watch(`infohash=${INFOHASH}`);
        scene.viewers.push(viewer);
        await until(`a picture for the ${name} viewer`, () => viewer.check.stamped > SOME_PACKETS, 15_000);
      }
    } catch (error) {
      await scene.close();
      throw error;
    }
    return scene;
  }

  /** The engine that carries the stream. */
  get carrier(): StandIn {
    return this.engines.find(engine => engine.state().sessions.length > 0) ?? this.engines[0]!;
  }

  /** Switches faults of the content on or off at the engine that carries it. */
  inflict(faults: FaultPatch): void {
    this.carrier.patchContent(INFOHASH, { faults });
  }

  /** Lines of the log with this text. */
  logged(msg: string): TestGateway['log'] {
    return this.gateway.log.filter(line => line.msg === msg);
  }

  /** Waits until the stream has recovered so often. */
  async recovered(times: number, deadlineMs = 20_000): Promise<void> {
    await until(`${times} recoveries`, () => this.logged('stream recovered').length >= times, deadlineMs);
  }

  /** Waits until both viewers have seen about as much of the stream as is broadcast in this time. */
  async watched(seconds = 0.5): Promise<void> {
    const wanted = this.viewers.map(({ check }) => check.stamped + seconds * 2 * SOME_PACKETS);
    await until(
      `${seconds} s of pictures for both viewers`,
      () => this.viewers.every(({ check, isClosed }, i) => isClosed || check.stamped >= wanted[i]!),
      20_000,
    );
  }

  /** What each viewer has seen. */
  get seen(): Seen[] {
    return this.viewers.map(({ check, isClosed }) => ({
      stayed: !isClosed,
      damaged: check.syncErrors + check.counterJumps,
      lost: check.lost,
      repeated: check.repeated,
      announced: check.discontinuities > 0,
    }));
  }

  /** Lets the viewers leave, and waits until nothing is left of the stream: no reader, lease, stream or session. */
  async emptied(): Promise<void> {
    for (const viewer of this.viewers) viewer.leave();
    const none = (metric: string): Promise<boolean> =>
      until(`${metric} to be 0`, async () => sum(await this.gateway.metric(metric)) === 0, 15_000);
    for (const metric of ['sluice_readers', 'sluice_streams', 'sluice_engine_sessions', 'sluice_packet_log_bytes'])
      await none(metric);
    await until('sessions to end', () => this.engines.every(engine => engine.state().sessions.length === 0), 10_000);
  }

  /** What was written down. */
  async books(): Promise<Books> {
    const counted = async (metric: string): Promise<Record<string, number>> => {
      const rows = Object.entries(await this.gateway.metric(metric)).filter(([, value]) => value > 0);
      return Object.fromEntries(rows.map(([labels, value]) => [/"(.*)"/.exec(labels)![1]!, value]));
    };
    return {
      interruptions: await counted('sluice_stream_interruptions_total'),
      recoveries: await counted('sluice_stream_recoveries_total'),
      attempts: this.logged('trying again').map(({ reason, how }) => `${reason}: ${how}`),
      sessions: this.engines.map(engine => {
        const { sessionsStarted, sessionsStopped, sessionsExpired } = engine.state().counts;
        return [sessionsStarted, sessionsStopped, sessionsExpired];
      }),
    };
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.gateway.close();
    await Promise.all(this.engines.map(engine => engine.close()));
  }
}
