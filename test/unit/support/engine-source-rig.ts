import { getEventListeners } from 'node:events';
import { expect } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import {
  EngineSource,
  type EngineSourceLimits,
  type EngineSourceSpec,
} from '../../../workers/shard/source/engine-source.ts';
import type { Opened, Rung, SourceSink } from '../../../workers/shard/source/source.ts';
import { ScriptedLeases } from './scripted-leases.ts';
import { INFOHASH, SessionEngine } from './session-engine.ts';
import { until, within } from './waiting.ts';

/** Nothing times out by itself. */
const PATIENT: EngineSourceLimits = {
  startTimeoutMs: 60_000,
  startStalledTimeoutMs: 60_000,
  noResponseTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
  emptyTimeoutMs: 60_000,
};

const SPEC: EngineSourceSpec = {
  kind: 'engine',
  content: INFOHASH,
  selector: { kind: 'infohash', value: INFOHASH },
  options: {},
};

/** A run that goes on. */
export interface Running {
  abort: AbortController;
  /** Why it failed; undefined when it ended well. */
  failure: Promise<SluiceError | undefined>;
}

/** An engine source with its leases, its engines, and what it told. */
export class EngineSourceRig implements SourceSink {
  readonly engines: readonly SessionEngine[];
  readonly leases: ScriptedLeases;
  readonly source: EngineSource;
  readonly info: Opened[] = [];
  readonly events: string[] = [];
  received = '';
  /** Called with whatever happens, by its name. */
  onStep: (step: string) => void = () => {};
  /** Thrown at the next bytes. */
  objection: unknown;

  private constructor(
    engines: readonly SessionEngine[],
    limits: Partial<EngineSourceLimits>,
    spec: Partial<EngineSourceSpec>,
  ) {
    this.engines = engines;
    this.leases = new ScriptedLeases(engines.map(({ url }) => url));
    this.source = new EngineSource({ ...SPEC, ...spec }, this.leases, { ...PATIENT, ...limits });
    this.leases.onStep = step => this.onStep(step);
    for (const engine of engines) engine.onStep = step => this.onStep(step);
  }

  static async with(
    engines: number,
    limits: Partial<EngineSourceLimits> = {},
    spec: Partial<EngineSourceSpec> = {},
  ): Promise<EngineSourceRig> {
    return new EngineSourceRig(
      await Promise.all(Array.from({ length: engines }, () => SessionEngine.run())),
      limits,
      spec,
    );
  }

  get engine(): SessionEngine {
    return this.engines[0]!;
  }

  opened(info: Opened): void {
    this.info.push(info);
    this.onStep('opened');
  }

  data(chunk: Buffer): void {
    if (this.objection !== undefined) throw this.objection;
    this.received += chunk;
    chunk.fill(0); // As a stream may.
    this.onStep('data');
  }

  event(name: string): void {
    this.events.push(name);
    this.onStep(name);
  }

  /** Every engine sends bytes to its readers. */
  send(): void {
    for (const engine of this.engines) engine.send();
  }

  run(how: 'start' | Rung): Running {
    const abort = new AbortController();
    const failure = this.source.run(how, abort.signal, this).then(
      () => undefined,
      (error: unknown) => SluiceError.from(error),
    );
    return { abort, failure: failure.finally(() => expect(getEventListeners(abort.signal, 'abort')).toEqual([])) };
  }

  /** A run that has brought its first bytes. */
  async flowing(how: 'start' | Rung): Promise<Running> {
    const before = this.received.length;
    const running = this.run(how);
    const over = running.failure.then(error => {
      throw new Error(`the run was over: ${error}`, { cause: error?.cause });
    });
    over.catch(() => {});
    await Promise.race([over, until('the first bytes', () => this.received.length > before)]);
    return running;
  }

  /** How a run fails. */
  async failure(running: Running): Promise<SluiceError | undefined> {
    return within('the end of the run', running.failure);
  }

  /** Brings bytes, and is cut off. */
  async broken(how: 'start' | Rung = 'start'): Promise<void> {
    const running = await this.flowing(how);
    for (const engine of this.engines) engine.cut();
    expect(await this.failure(running)).toMatchObject({ code: 'source_ended' });
  }

  /** Closes the source, and checks that nothing is left of it: no session, no lease, no connection. */
  async close(): Promise<void> {
    await within('the closing', this.source.close());
    await this.expectNothing();
    for (const engine of this.engines) await engine.close();
  }

  /** Checks that the source holds nothing, and has given each lease back once. */
  async expectNothing(): Promise<void> {
    await until('the connections close', () => this.engines.every(({ connections }) => connections === 0));
    expect(this.engines.flatMap(({ open }) => [...open])).toEqual([]);
    const returned = this.leases.returned.map(({ leaseId }) => leaseId);
    expect(returned).toEqual(this.leases.granted.map(({ leaseId }) => leaseId));
  }
}
