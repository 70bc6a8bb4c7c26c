import { describe } from '@jest/globals';
import { SHARD_TRANSITIONS } from '../../../src/cluster/shard-handle.ts';
import { describeTransitions } from '../support/transitions.ts';

describe('the states of a shard', () => {
  describeTransitions(SHARD_TRANSITIONS, ['start', 'ready', 'drain', 'exit', 'close'], {
    idle: { start: 'starting', close: 'closed' },
    starting: { ready: 'ready', exit: 'died', drain: 'draining', close: 'closed' },
    ready: { drain: 'draining', exit: 'died', close: 'closed' },
    draining: { ready: 'draining', exit: 'closed', close: 'closed' },
    died: { start: 'starting', close: 'closed', drain: 'closed' },
    closed: { close: 'closed', exit: 'closed' },
  });
});
