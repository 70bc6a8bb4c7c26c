import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

type Handler = Required<
  Pick<
    Dispatcher.DispatchHandler,
    'onRequestStart' | 'onResponseStart' | 'onResponseData' | 'onResponseEnd' | 'onResponseError'
  >
>;

/** The two ends of a promise. */
interface Settle<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/**
 * An answer whose body may never end, read without a stream object in between: at thousands of pieces a minute that
 * machinery costs more than everything else that a shard does with them.
 */
export class EndlessAnswer implements Handler {
  #settleHead!: Settle<this>;
  #settleBody: Settle<void> | undefined;
  #onData: (chunk: Buffer) => void = () => {};
  #controller: Dispatcher.DispatchController | undefined;
  /** How the body ended before anybody read it: with an error, or well. */
  #ended: { error: Error | undefined } | undefined;
  statusCode = 0;
  headers: IncomingHttpHeaders = {};
  /** Settles when the head is there; the body waits until it is read. */
  readonly head: Promise<this>;

  constructor() {
    this.head = new Promise((resolve, reject) => {
      this.#settleHead = { resolve, reject };
    });
  }

  /**
   * Reads the body, once.
   * @param onData gets the next bytes; the buffer is only valid during the call
   * @returns when the body came to its end
   * @throws Error why it broke, or what {@link destroy} was given
   */
  read(onData: (chunk: Buffer) => void): Promise<void> {
    this.#onData = onData;
    return new Promise((resolve, reject) => {
      this.#settleBody = { resolve, reject };
      if (this.#ended !== undefined) this.#end(this.#ended.error);
      else this.#controller!.resume();
    });
  }

  /** Ends the request, or the body, at once. */
  destroy(error: Error): void {
    this.#controller?.abort(error);
    this.#end(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended?.error !== undefined) controller.abort(this.#ended.error);
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    this.statusCode = statusCode;
    this.headers = headers;
    controller.pause();
    this.#settleHead.resolve(this);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#onData(chunk);
  }

  onResponseEnd(): void {
    this.#end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    this.#ended ??= { error };
    if (error !== undefined) this.#settleHead.reject(error);
    if (error === undefined) this.#settleBody?.resolve();
    else this.#settleBody?.reject(error);
  }
}
