import { describeModes, type Mode, UNTOUCHED } from '../helpers/modes.ts';

const REOPENED = {
  interruptions: { source_stalled: 1 },
  recoveries: { reopen: 1 },
  attempts: ['source_stalled: reopen'],
  sessions: [[1, 1, 0]],
} satisfies Partial<Mode>;
const BEGUN_ANEW = {
  interruptions: { source_ended: 1 },
  recoveries: { 'new-session': 1 },
  attempts: ['source_ended: reopen', 'session_lost: new-session'],
  sessions: [[2, 1, 0]],
} satisfies Partial<Mode>;
const MOVED = {
  recoveries: { 'other-engine': 1 },
  sessions: [
    [1, 1, 0],
    [1, 1, 0],
  ],
} satisfies Partial<Mode>;

/**
 * Silence that is told from death by statistics, and what is slow: acestream-engine-api 10. Its mode event-poll is not
 * here, because the gateway asks for no events.
 */
describeModes('a stream goes on without loss at an engine that', [
  {
    what: 'pauses for longer than STALL_TIMEOUT, but not for long enough to be asked again',
    inflict: async scene => {
      scene.inflict({ stall: { forMs: 1_200 } });
      await scene.watched(2);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
  {
    what: 'stalls for longer than ACESTREAM_EMPTY_TIMEOUT',
    inflict: scene => scene.inflict({ stall: { forMs: 3_000 } }),
    ...REOPENED,
  },
  {
    what: 'stalls for good, at another',
    engines: 2,
    inflict: scene => scene.inflict({ stall: {} }),
    interruptions: { source_stalled: 1 },
    attempts: ['source_stalled: reopen', 'start_timeout: other-engine'],
    ...MOVED,
  },
  {
    what: 'loses all peers for a moment',
    inflict: async scene => {
      scene.inflict({ noPeers: { forMs: 1_200 } });
      await scene.watched(2);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
  {
    what: 'loses all peers for longer',
    inflict: scene => scene.inflict({ noPeers: { forMs: 2_800 } }),
    ...REOPENED,
  },
  {
    what: 'has peers that bring no data for a while',
    inflict: scene => scene.inflict({ peersNoData: { forMs: 2_800, peers: 5 } }),
    ...REOPENED,
  },
  {
    what: 'loses all peers for good, at another',
    engines: 2,
    inflict: scene => scene.inflict({ noPeers: {} }),
    interruptions: { source_stalled: 1 },
    attempts: ['source_stalled: reopen', 'no_peers: other-engine'],
    ...MOVED,
  },
  {
    what: 'sends a loop, by its live position',
    inflict: scene => scene.inflict({ frozenLivepos: { forMs: 2_500 } }),
    ...BEGUN_ANEW,
    interruptions: { source_frozen: 1 },
    attempts: ['source_frozen: new-session'],
    sessions: [[2, 2, 0]],
  },
  {
    what: 'sends a loop in a new session as well, at another',
    engines: 2,
    inflict: scene => scene.inflict({ frozenLivepos: {} }),
    interruptions: { source_frozen: 2 },
    recoveries: { 'new-session': 1, 'other-engine': 1 },
    attempts: ['source_frozen: new-session', 'source_frozen: other-engine'],
    sessions: [
      [2, 2, 0],
      [1, 1, 0],
    ],
  },
  {
    what: 'sends a loop, and does not answer when it is told to stop',
    env: { RECOVERY_TIMEOUT: '15' },
    idleExpiryMs: 30_000,
    inflict: scene => scene.inflict({ frozenLivepos: { forMs: 4_000 }, stopHangs: {} }),
    heal: scene => scene.inflict({ stopHangs: null }),
    ...BEGUN_ANEW,
    interruptions: { source_frozen: 1 },
    attempts: ['source_frozen: new-session'],
    // It is a new one all the same, and takes the content from the old one.
    sessions: [[2, 1, 0]],
  },
  {
    what: 'takes its time to answer the new start',
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, slowJson: { delayMs: 700 } }),
    ...BEGUN_ANEW,
  },
  {
    what: 'takes its time to fill the new buffer',
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, slowStart: { delayMs: 1_000 } }),
    ...BEGUN_ANEW,
  },
  {
    what: 'repeats 10 MB of the past at once',
    burstBytes: 10_000_000,
    inflict: scene => scene.inflict({ eof: {} }),
    ...REOPENED,
    interruptions: { source_ended: 1 },
    attempts: ['source_ended: reopen'],
  },
  {
    what: 'gives no statistics while bytes flow',
    inflict: async scene => {
      scene.inflict({ statHangs: { forMs: 3_500 } });
      await scene.watched(4);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
  {
    what: 'gives empty statistics while bytes flow',
    inflict: async scene => {
      scene.inflict({ emptyStat: { forMs: 2_500 } });
      await scene.watched(3);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
  {
    what: 'begins the new statistics with an empty answer',
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, emptyStat: { times: 1 } }),
    ...BEGUN_ANEW,
  },
]);
