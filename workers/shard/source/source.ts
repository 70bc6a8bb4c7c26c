/** What a source tells its stream. */
export interface SourceSink {
  /** The upstream was opened; its bytes follow. */
  opened(info: { contentType: string; infohash: string; engineUrl: string }): void;
  /** The next bytes, in pieces of any size; the buffer is only valid during the call. */
  data(chunk: Buffer): void;
  /** Something worth a line in the log. */
  event(name: string, details: Record<string, string | number | boolean>): void;
}

/** Reads one upstream into a stream. It only runs; whether it is run again is somebody else's decision. */
export interface Source {
  /**
   * Reads until the upstream ends. Settles only when everything it opened is closed again.
   * @param signal ends the run; it then resolves
   * @throws SluiceError why the upstream could not be read, or stopped bringing bytes
   */
  run(signal: AbortSignal, sink: SourceSink): Promise<void>;
}
