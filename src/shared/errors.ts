/**
 * The catalogue of coded errors. A code is never reused for another meaning; docs/errors.md lists what a user can do
 * about each. Errors cross threads as {@link WireError}.
 */
const CATALOGUE = {
  selector_missing: { status: 400, retryAfterSeconds: 0 },
  selector_conflict: { status: 400, retryAfterSeconds: 0 },
  selector_malformed: { status: 400, retryAfterSeconds: 0 },
  request_malformed: { status: 400, retryAfterSeconds: 0 },
  request_too_large: { status: 413, retryAfterSeconds: 0 },
  request_unsupported: { status: 415, retryAfterSeconds: 0 },
  request_invalid: { status: 422, retryAfterSeconds: 0 },
  cross_site: { status: 403, retryAfterSeconds: 0 },
  login_required: { status: 401, retryAfterSeconds: 0 },
  login_throttled: { status: 429, retryAfterSeconds: 30 },
  account_refused: { status: 401, retryAfterSeconds: 0 },
  account_inactive: { status: 403, retryAfterSeconds: 0 },
  scope_missing: { status: 403, retryAfterSeconds: 0 },
  address_not_allowed: { status: 403, retryAfterSeconds: 0 },
  not_found: { status: 404, retryAfterSeconds: 0 },
  method_not_allowed: { status: 405, retryAfterSeconds: 0 },
  body_too_large: { status: 413, retryAfterSeconds: 0 },
  channel_not_found: { status: 404, retryAfterSeconds: 0 },
  format_not_served: { status: 406, retryAfterSeconds: 0 },
  archive_not_served: { status: 404, retryAfterSeconds: 0 },
  stream_not_found: { status: 404, retryAfterSeconds: 0 },
  content_not_found: { status: 404, retryAfterSeconds: 0 },
  content_busy: { status: 503, retryAfterSeconds: 10 },
  engine_bad_answer: { status: 502, retryAfterSeconds: 0 },
  engine_refused: { status: 502, retryAfterSeconds: 0 },
  engine_unavailable: { status: 503, retryAfterSeconds: 10 },
  engine_silent: { status: 504, retryAfterSeconds: 0 },
  engines_busy: { status: 503, retryAfterSeconds: 5 },
  engines_full: { status: 503, retryAfterSeconds: 10 },
  engine_not_found: { status: 404, retryAfterSeconds: 0 },
  engine_disabled: { status: 503, retryAfterSeconds: 0 },
  start_timeout: { status: 504, retryAfterSeconds: 0 },
  no_peers: { status: 504, retryAfterSeconds: 0 },
  session_lost: { status: 502, retryAfterSeconds: 5 },
  source_not_allowed: { status: 403, retryAfterSeconds: 0 },
  source_not_found: { status: 404, retryAfterSeconds: 0 },
  source_refused: { status: 502, retryAfterSeconds: 0 },
  source_unavailable: { status: 503, retryAfterSeconds: 10 },
  source_untrusted: { status: 502, retryAfterSeconds: 0 },
  source_bad_answer: { status: 502, retryAfterSeconds: 0 },
  source_not_stream: { status: 502, retryAfterSeconds: 0 },
  source_ended: { status: 502, retryAfterSeconds: 5 },
  source_stalled: { status: 504, retryAfterSeconds: 5 },
  source_frozen: { status: 502, retryAfterSeconds: 5 },
  recovery_failed: { status: 504, retryAfterSeconds: 5 },
  guide_not_xmltv: { status: 502, retryAfterSeconds: 0 },
  guide_truncated: { status: 502, retryAfterSeconds: 0 },
  guide_empty: { status: 502, retryAfterSeconds: 0 },
  guide_too_large: { status: 502, retryAfterSeconds: 0 },
  stream_closed: { status: 503, retryAfterSeconds: 5 },
  account_not_found: { status: 404, retryAfterSeconds: 0 },
  account_exists: { status: 409, retryAfterSeconds: 0 },
  account_invalid: { status: 422, retryAfterSeconds: 0 },
  sessions_full: { status: 403, retryAfterSeconds: 0 },
  session_ended: { status: 403, retryAfterSeconds: 0 },
  viewers_full: { status: 503, retryAfterSeconds: 10 },
  streams_full: { status: 503, retryAfterSeconds: 10 },
  memory_full: { status: 503, retryAfterSeconds: 10 },
  shutting_down: { status: 503, retryAfterSeconds: 5 },
  catalog_not_found: { status: 404, retryAfterSeconds: 0 },
  catalog_invalid: { status: 422, retryAfterSeconds: 0 },
  catalog_conflict: { status: 409, retryAfterSeconds: 0 },
  version_conflict: { status: 412, retryAfterSeconds: 0 },
  category_in_use: { status: 409, retryAfterSeconds: 0 },
  channel_without_source: { status: 404, retryAfterSeconds: 0 },
  list_unusable: { status: 502, retryAfterSeconds: 0 },
  link_closed: { status: 500, retryAfterSeconds: 0 },
  link_timeout: { status: 504, retryAfterSeconds: 0 },
  internal: { status: 500, retryAfterSeconds: 0 },
} as const satisfies Record<string, { status: number; retryAfterSeconds: number }>;

/** A stable error code, as users see it in `error.code`. */
export type ErrorCode = keyof typeof CATALOGUE;

/** Every code there is, for documentation and tests. */
export const ERROR_CODES = Object.keys(CATALOGUE) as ErrorCode[];

/** An error as it travels between threads. */
export interface WireError {
  code: ErrorCode;
  message: string;
}

/** A coded error; `message` is meant for users and never holds a secret. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** HTTP status that answers a request which failed this way. */
  get status(): number {
    return CATALOGUE[this.code].status;
  }

  /** Seconds after which trying again makes sense; 0 when trying again does not help. */
  get retryAfterSeconds(): number {
    return CATALOGUE[this.code].retryAfterSeconds;
  }

  /** The JSON body users get. */
  toBody(): { error: WireError } {
    return { error: this.toWire() };
  }

  /** The form that crosses a MessagePort. */
  toWire(): WireError {
    return { code: this.code, message: this.message };
  }

  /** Rebuilds an error that came over a MessagePort. */
  static fromWire(wire: WireError): SluiceError {
    return new SluiceError(wire.code, wire.message);
  }

  /** Any thrown value as a coded error: foreign errors become `internal` without showing their text to users. */
  static from(thrown: unknown): SluiceError {
    if (thrown instanceof SluiceError) return thrown;
    return new SluiceError('internal', 'Something went wrong inside the gateway; its log has the details.', {
      cause: thrown,
    });
  }
}
