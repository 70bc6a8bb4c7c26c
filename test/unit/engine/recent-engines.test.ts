import { describe, expect, it } from '@jest/globals';
import type { EngineMember } from '../../../src/engine/engine-member.ts';
import { RecentEngines } from '../../../src/engine/recent-engines.ts';

const engine = (place: number): EngineMember => ({ place }) as EngineMember;

describe('the memory of which engine ran a content last', () => {
  it('keeps the newest, and forgets only the engine that is meant', () => {
    const recent = new RecentEngines();
    const [first, second] = [engine(0), engine(1)];
    recent.remember('a', first);
    recent.remember('a', second);
    recent.forget('a', first);
    expect(recent.of('a')).toBe(second);
    recent.forget('a', second);
    expect(recent.of('a')).toBeUndefined();
  });

  it('holds ten thousand contents, those that ran last', () => {
    const recent = new RecentEngines();
    const only = engine(0);
    for (let n = 0; n < 10_000; n++) recent.remember(String(n), only);
    recent.remember('0', only);
    recent.remember('new', only);
    expect(['0', '1', '2', 'new'].map(content => recent.of(content))).toEqual([only, undefined, only, only]);
  });
});
