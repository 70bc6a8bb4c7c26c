import type { ErrorCode } from '../shared/errors.ts';

/**
 * Not `session_lost`: an engine that was restarted forgets all sessions at once, and works. If it kept from working, the
 * new sessions would fail with one of these. Nor what is the content's fault, such as `content_not_found`, `no_peers` or
 * `start_timeout`, nor a body that ended: a dead engine shows when it is asked again.
 */
const ENGINE_FAULTS: ReadonlySet<ErrorCode> = new Set(['engine_unavailable', 'engine_silent', 'engine_bad_answer']);

/** Whether a failure tells that the engine itself does not work, whichever content was asked for. */
export function isEngineFault(code: ErrorCode): boolean {
  return ENGINE_FAULTS.has(code);
}
