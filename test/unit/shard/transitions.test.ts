import { describe, expect, it } from '@jest/globals';
import { READER_TRANSITIONS } from '../../../workers/shard/reader.ts';
import { STREAM_TRANSITIONS } from '../../../workers/shard/stream.ts';
import { describeTransitions } from '../support/transitions.ts';

describe('the states of a stream', () => {
  describeTransitions(
    STREAM_TRANSITIONS,
    ['start', 'data', 'interrupted', 'left', 'returned', 'stop', 'ended', 'emptied'],
    {
      idle: { start: 'starting' },
      starting: { data: 'live', stop: 'closing', ended: 'closed' },
      live: { interrupted: 'recovering', left: 'lingering', stop: 'closing', ended: 'draining' },
      recovering: { data: 'live', stop: 'closing', ended: 'draining' },
      lingering: { returned: 'live', interrupted: 'closing', stop: 'closing', ended: 'closed' },
      draining: { stop: 'closed', emptied: 'closed' },
      closing: { ended: 'closed' },
      closed: {},
    },
  );

  it('end in "closed", from which nothing leads away', () => {
    expect(STREAM_TRANSITIONS.closed).toEqual({});
  });
});

describe('the states of a reader', () => {
  describeTransitions(READER_TRANSITIONS, ['join', 'detach'], {
    waiting: { join: 'reading', detach: 'detached' },
    reading: { detach: 'detached' },
    detached: {},
  });
});
