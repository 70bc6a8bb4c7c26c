import type { EngineSession } from '../../../src/engine/engine-wire.ts';
import { type ErrorCode, SluiceError } from '../../../src/shared/errors.ts';
import type { Lease, LeaseRequest, ShardNotification } from '../../../src/shared/protocol.ts';

/** Who hands out engines. */
export interface Leases {
  /**
   * Asks for an engine.
   * @param signal takes the request back
   * @throws SluiceError why there is none, or that the request was taken back; nothing is held then
   */
  acquire(request: Omit<LeaseRequest, 'leaseId'>, signal: AbortSignal): Promise<Lease>;
  /** Told how to stop the session, in case this thread dies before it can. */
  sessionOpened(lease: Lease, session: EngineSession): void;
  /** Told that data flows. */
  flowing(lease: Lease): void;
  /** @param failure why the session ended, where that was the engine's or the content's fault */
  release(lease: Lease, failure: ErrorCode | undefined): void;
}

/** The part of a `ShardLink` that leases travel over. */
export interface LeaseLink {
  request(method: 'lease', request: LeaseRequest, timeoutMs: number): Promise<Lease>;
  notify(notification: ShardNotification): void;
}

/** On top of the wait in the front: one health check of its engines, and a front that has much to do. */
const LINK_SLACK_MS = 10_000;

/** Leases of the front's engine pool. The numbers are chosen here, so that a request can be taken back unanswered. */
export function leasesOver(link: LeaseLink): Leases {
  let lastId = 0;
  const giveBack = (leaseId: number, failure: ErrorCode | undefined): void =>
    link.notify({ type: 'leaseReturned', leaseId, failure });
  return {
    acquire: (request, signal) =>
      new Promise((resolve, reject) => {
        const leaseId = ++lastId;
        const takenBack = (): SluiceError => new SluiceError('stream_closed', 'Nobody waits for this engine any more.');
        if (signal.aborted) {
          reject(takenBack());
          return;
        }
        const onAbort = (): void => {
          giveBack(leaseId, undefined);
          reject(takenBack()); // Whatever the front still answers is ignored.
        };
        signal.addEventListener('abort', onAbort, { once: true });
        link
          .request('lease', { ...request, leaseId }, request.waitMs + LINK_SLACK_MS)
          .finally(() => signal.removeEventListener('abort', onAbort))
          .then(resolve, (error: unknown) => {
            // The front may grant it all the same, later.
            if (SluiceError.from(error).code === 'link_timeout') giveBack(leaseId, undefined);
            reject(error);
          });
      }),
    sessionOpened: ({ leaseId }, { infohash, commandPath }) =>
      link.notify({ type: 'sessionOpened', leaseId, infohash, commandPath }),
    flowing: ({ leaseId }) => link.notify({ type: 'leaseFlowing', leaseId }),
    release: ({ leaseId }, failure) => giveBack(leaseId, failure),
  };
}
