/**
 * What ties a job to whoever ordered it: one port, by which the job tells how far it is and hears that it shall stop. A
 * job's thread is never ended from outside: the database's driver takes the whole process along when its thread goes
 * while a call is under way.
 */
import { once } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** What a job gets. */
export interface JobTask<Request> {
  request: Request;
  port: MessagePort;
}

/** The only message to a job. */
const STOP = 'stop';

/** The job's end. */
export class JobLink<Progress> {
  readonly #port: MessagePort;
  readonly #stop = new AbortController();

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', () => this.#stop.abort());
  }

  /** Aborted when the job shall stop, as far as the thread gets round to hearing of it. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /**
   * A signal that is aborted when the job shall stop, or after this long. By hand, because Node 20 forgets a timeout that
   * only AbortSignal.any() knows of.
   * @throws AbortError when the job shall stop already
   */
  deadline(timeoutMs: number): AbortSignal {
    this.throwIfStopped();
    const deadline = new AbortController();
    setTimeout(() => deadline.abort(new DOMException('The job took too long.', 'TimeoutError')), timeoutMs).unref();
    this.signal.addEventListener('abort', () => deadline.abort(), { once: true });
    return deadline.signal;
  }

  /** Tells how far the job is. */
  report(progress: Progress): void {
    this.#port.postMessage(progress);
  }

  /**
   * Ends a job that shall stop; for work that lets no message through meanwhile.
   * @throws AbortError
   */
  throwIfStopped(): void {
    if (receiveMessageOnPort(this.#port) !== undefined) this.#stop.abort();
    this.signal.throwIfAborted();
  }

  /** Lets the thread end. */
  close(): void {
    this.#port.close();
  }
}

/**
 * Starts a job and passes on what is said by either side until it has ended.
 * @param stop tells the job to stop
 * @throws AbortError when the job failed after that, and else whatever it failed with
 */
export async function withLink<Answer>(
  stop: AbortSignal,
  onProgress: (progress: unknown) => void,
  start: (port: MessagePort) => Promise<Answer>,
): Promise<Answer> {
  const { port1, port2 } = new MessageChannel();
  const ended = new AbortController();
  port1.on('message', onProgress);
  once(stop, 'abort', { signal: ended.signal }).then(
    () => port1.postMessage(STOP),
    () => {}, // It ended before.
  );
  try {
    return await start(port2);
  } catch (error) {
    stop.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
    port1.close();
  }
}
