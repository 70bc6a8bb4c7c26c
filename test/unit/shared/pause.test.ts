import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { pause } from '../../../src/shared/pause.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

it.each<[string, (abort: AbortController) => void, boolean]>([
  ['is over when its time is', () => jest.advanceTimersByTime(100), true],
  ['is not over before', () => jest.advanceTimersByTime(99), false],
  ['is over at once when its signal fires', abort => abort.abort(), true],
])('a pause %s', async (_, act, expected) => {
  const abort = new AbortController();
  let over = false;
  const pausing = pause(100, abort.signal).then(() => {
    over = true;
  });
  act(abort);
  await Promise.resolve();
  expect(over).toBe(expected);
  abort.abort();
  await pausing;
  expect([jest.getTimerCount(), getEventListeners(abort.signal, 'abort').length]).toEqual([0, 0]);
});

it('a pause whose signal fired before sets no timer', async () => {
  await pause(100, AbortSignal.abort());
  expect(jest.getTimerCount()).toBe(0);
});
