import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, SluiceError } from '../../../src/shared/errors.ts';

describe('the error catalogue', () => {
  it.each(ERROR_CODES)('answers %s with a client or server error, and asks to retry only where that helps', code => {
    const error = new SluiceError(code, 'text');
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.status).toBeLessThan(600);
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(0);
    // A client's own mistake does not go away by trying again, unless it tried too often.
    if (error.status < 500 && error.status !== 429) expect(error.retryAfterSeconds).toBe(0);
  });

  it.each([
    ['selector_missing', 400],
    ['selector_conflict', 400],
    ['selector_malformed', 400],
    ['login_required', 401],
    ['address_not_allowed', 403],
    ['content_not_found', 404],
    ['method_not_allowed', 405],
    ['login_throttled', 429],
    ['internal', 500],
    ['engine_bad_answer', 502],
    ['engine_unavailable', 503],
    ['viewers_full', 503],
    ['engine_silent', 504],
    ['no_peers', 504],
  ] as const)('maps %s to %i', (code, status) => {
    expect(new SluiceError(code, '').status).toBe(status);
  });

  it('has no code twice', () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
  });
});

describe('a coded error', () => {
  it('shows users its code and message and nothing else', () => {
    const error = new SluiceError('no_peers', 'Nobody shares it.', { cause: new Error('secret') });
    expect(error.toBody()).toEqual({ error: { code: 'no_peers', message: 'Nobody shares it.' } });
  });

  it('keeps code and message when it crosses a thread', () => {
    const wire = structuredClone(new SluiceError('content_busy', 'Busy.').toWire());
    const error = SluiceError.fromWire(wire);
    expect(error).toBeInstanceOf(SluiceError);
    expect([error.code, error.message, error.status, error.retryAfterSeconds]).toEqual([
      'content_busy',
      'Busy.',
      503,
      10,
    ]);
  });

  it('is left as it is when it is thrown', () => {
    const error = new SluiceError('not_found', 'No.');
    expect(SluiceError.from(error)).toBe(error);
  });

  it.each([[new Error('password=hunter2')], ['hunter2'], [undefined], [{ code: 'not_found', message: 'hunter2' }]])(
    'hides what a foreign failure says (%p) and keeps it as the cause',
    thrown => {
      const error = SluiceError.from(thrown);
      expect(error.code).toBe('internal');
      expect(JSON.stringify(error.toBody())).not.toContain('hunter2');
      expect(error.cause).toBe(thrown);
    },
  );
});
