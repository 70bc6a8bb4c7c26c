import type { EngineSession } from '../../../src/engine/engine-wire.ts';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import type { Lease, LeaseRequest } from '../../../src/shared/protocol.ts';
import type { Leases } from '../../../workers/shard/source/leases.ts';

/** Hands out engines as the front does: one that is to be avoided only where there is no other, if that will do. */
export class ScriptedLeases implements Leases {
  readonly asked: Omit<LeaseRequest, 'leaseId'>[] = [];
  readonly granted: Lease[] = [];
  readonly returned: { leaseId: number; failure: ErrorCode | undefined }[] = [];
  readonly sessions: { leaseId: number; commandPath: string }[] = [];
  readonly flowed: number[] = [];
  /** Why there is no engine, if there is none. */
  refusal: SluiceError | undefined;
  /** Called before and after each grant. */
  onStep: (step: string) => void = () => {};
  readonly #engines: readonly string[];

  /** @param engines their addresses, the least loaded one first */
  constructor(engines: readonly string[]) {
    this.#engines = engines;
  }

  /** Numbers of the leases that were not returned. */
  get held(): number[] {
    const back = new Set(this.returned.map(({ leaseId }) => leaseId));
    return this.granted.map(({ leaseId }) => leaseId).filter(leaseId => !back.has(leaseId));
  }

  async acquire(request: Omit<LeaseRequest, 'leaseId'>, signal: AbortSignal): Promise<Lease> {
    this.asked.push(request);
    this.onStep('lease asked for');
    await new Promise(resolve => setImmediate(resolve));
    if (signal.aborted) throw new SluiceError('stream_closed', 'Nobody waits for this engine any more.');
    if (this.refusal !== undefined) throw this.refusal;
    const other = this.#engines.find(url => !request.avoid.includes(url));
    if (other === undefined && request.onlyOthers) throw new SluiceError('engine_unavailable', 'There is no other.');
    const engineUrl = other ?? this.#engines[0]!;
    const lease = { leaseId: this.granted.length + 1, engineUrl, pid: `pid-${this.granted.length + 1}` };
    this.granted.push(lease);
    this.onStep('lease granted');
    return lease;
  }

  sessionOpened({ leaseId }: Lease, { commandPath }: EngineSession): void {
    this.sessions.push({ leaseId, commandPath });
    this.onStep('session opened');
  }

  flowing({ leaseId }: Lease): void {
    this.flowed.push(leaseId);
    this.onStep('flowing');
  }

  release({ leaseId }: Lease, failure: ErrorCode | undefined): void {
    this.returned.push({ leaseId, failure });
  }
}
