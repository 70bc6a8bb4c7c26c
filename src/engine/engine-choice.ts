import { SluiceError } from '../shared/errors.ts';
import type { EngineMember } from './engine-member.ts';

/**
 * Where a content can be started now, or what is in the way:
 * - busy: those that could take it are starting others;
 * - failing: those that have room failed lately, and are left alone for a while;
 * - full: none has room; drained: none may be used; sick: none is healthy.
 */
export type Choice = { kind: 'engine'; member: EngineMember } | Obstacle;
/** Why no engine can be had now. */
export type Obstacle = { kind: 'busy' | 'full' | 'drained' | 'sick' } | { kind: 'failing'; retryInMs: number };

function isLessLoaded(a: EngineMember, b: EngineMember): boolean {
  return a.sessions < b.sessions || (a.sessions === b.sessions && a.starts < b.starts);
}

/**
 * Chooses the engine that ran the content last, or else the least loaded one, the first of those as configured.
 * @param members in configured order
 * @param avoid origins that are taken only where no other qualifies, be it busy
 * @param last the engine that ran the content last
 */
export function chooseEngine(
  members: readonly EngineMember[],
  avoid: readonly string[],
  last: EngineMember | undefined,
): Choice {
  const healthy = members.filter(member => member.isHealthy);
  if (healthy.length === 0) return { kind: 'sick' };
  const enabled = healthy.filter(member => member.state === 'enabled');
  if (enabled.length === 0) return { kind: 'drained' };
  const roomy = enabled.filter(member => !member.isFull);
  if (roomy.length === 0) return { kind: 'full' };
  const trusted = roomy.filter(member => member.breaker.state !== 'open');
  if (trusted.length === 0)
    return { kind: 'failing', retryInMs: Math.min(...roomy.map(member => member.breaker.coolsInMs)) };

  const welcome = trusted.filter(member => !avoid.includes(member.client.url));
  const ready = (welcome.length > 0 ? welcome : trusted).filter(member => member.canStart);
  if (ready.length === 0) return { kind: 'busy' };
  const sticky = welcome.length > 0 ? ready.find(member => member === last) : undefined;
  return {
    kind: 'engine',
    member: sticky ?? ready.reduce((best, member) => (isLessLoaded(member, best) ? member : best)),
  };
}

/** Whether an obstacle may be gone within `waitMs` without anybody's doing. */
export function isWorthWaiting(obstacle: Obstacle, waitMs: number): boolean {
  switch (obstacle.kind) {
    case 'busy':
      return waitMs > 0;
    case 'failing':
      return waitMs > obstacle.retryInMs;
    case 'full':
    case 'drained':
    case 'sick':
      return false;
    default:
      return obstacle satisfies never;
  }
}

/** The obstacle as viewers are told: never where an engine is. */
export function refusal(obstacle: Obstacle, members: readonly EngineMember[]): SluiceError {
  switch (obstacle.kind) {
    case 'busy':
      return new SluiceError(
        'engines_busy',
        'Every engine is starting as many streams as it may at once (ENGINE_MAX_STARTS); try again in a few seconds.',
      );
    case 'full':
      return new SluiceError(
        'engines_full',
        'Every engine runs as many streams as it may (ENGINE_MAX_STREAMS); try again when one has ended.',
      );
    case 'failing':
      return new SluiceError(
        'engine_unavailable',
        `Every engine that has room failed several times in a row; one is tried again in ${Math.ceil(obstacle.retryInMs / 1000)} s.`,
      );
    case 'drained':
      return new SluiceError('engine_unavailable', 'Every healthy engine is being drained and takes no new stream.');
    case 'sick': {
      const problems = new Set(members.map(({ problem }) => problem));
      return new SluiceError('engine_unavailable', `No engine is available. ${[...problems].join(' ')}`);
    }
    default:
      return obstacle satisfies never;
  }
}
