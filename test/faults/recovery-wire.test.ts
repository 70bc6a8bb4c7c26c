import { describeModes, type Mode, UNTOUCHED } from '../helpers/modes.ts';

const REOPENED = {
  interruptions: { source_ended: 1 },
  recoveries: { reopen: 1 },
  attempts: ['source_ended: reopen'],
  sessions: [[1, 1, 0]],
} satisfies Partial<Mode>;
/** Playback that can't be opened again is no reason to give the engine up. */
const REOPENED_IN_VAIN = {
  interruptions: { source_ended: 1 },
  recoveries: { 'new-session': 1 },
  attempts: ['source_ended: reopen', 'engine_bad_answer: new-session'],
  sessions: [[2, 2, 0]],
} satisfies Partial<Mode>;
const REFUSED = (code: string) =>
  ({
    interruptions: { source_ended: 1 },
    recoveries: { 'other-engine': 1 },
    attempts: ['source_ended: reopen', 'session_lost: new-session', `${code}: other-engine`],
  }) satisfies Partial<Mode>;
/** The first session died, the second engine's was stopped. */
const ONE_EACH = [
  [1, 0, 0],
  [1, 1, 0],
] satisfies Mode['sessions'];

/** Answers and bytes that are not as they should be: acestream-engine-api 10. */
describeModes('a stream goes on without loss at an engine that', [
  {
    what: 'names wrong hosts everywhere',
    inflict: scene => {
      scene.carrier.global({ wrongHost: '192.0.2.7:1234' });
      scene.inflict({ cut: { session: 'dies' } });
    },
    ...REOPENED_IN_VAIN,
    attempts: ['source_ended: reopen', 'session_lost: new-session'],
    sessions: [[2, 1, 0]],
  },
  {
    what: 'keeps redirects open',
    inflict: scene => scene.inflict({ eof: {}, redirectKeptOpen: {} }),
    ...REOPENED,
  },
  {
    what: 'redirects in a circle',
    inflict: scene => scene.inflict({ eof: {}, redirectLoop: { times: 5 } }),
    ...REOPENED_IN_VAIN,
  },
  {
    what: 'redirects to another host, which is not followed',
    inflict: scene =>
      scene.inflict({ eof: {}, redirectElsewhere: { times: 1, location: 'http://192.0.2.7/content/a/b' } }),
    ...REOPENED_IN_VAIN,
  },
  {
    what: 'redirects to what is no address of an engine',
    inflict: scene => scene.inflict({ eof: {}, redirectElsewhere: { times: 1, location: 'file:///etc/passwd' } }),
    ...REOPENED_IN_VAIN,
  },
  {
    what: 'names contents by decimal tokens',
    inflict: scene => scene.inflict({ eof: {}, decimalToken: {} }),
    ...REOPENED,
  },
  {
    what: 'sends pieces of odd sizes, and begins inside a packet',
    inflict: scene => scene.inflict({ eof: {}, oddChunks: { sizes: [1, 187, 1316, 65_536], offsetBytes: 77 } }),
    ...REOPENED,
  },
  { what: 'frames its new body in chunks', inflict: scene => scene.inflict({ eof: {}, chunked: {} }), ...REOPENED },
  {
    what: 'refuses JSON once',
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, premium: { times: 1 } }),
    ...REFUSED('engine_refused'),
    sessions: [[2, 1, 0]],
  },
  {
    what: 'refuses JSON for good, at another',
    engines: 2,
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, premium: {} }),
    ...REFUSED('engine_refused'),
    sessions: ONE_EACH,
  },
  {
    what: 'does not find the content for a moment',
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, unknownId: { times: 2 } }),
    ...REFUSED('content_not_found'),
    recoveries: { 'new-session': 1 },
    attempts: [
      'source_ended: reopen',
      'session_lost: new-session',
      'content_not_found: other-engine',
      'content_not_found: start',
    ],
    sessions: [[2, 1, 0]],
  },
  {
    what: 'does not find the content any more, at another',
    engines: 2,
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, unknownId: {} }),
    ...REFUSED('content_not_found'),
    sessions: ONE_EACH,
  },
  {
    what: 'answers the new start with HTML, at another',
    engines: 2,
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, badJson: { kind: 'html', on: 'getstream' } }),
    ...REFUSED('engine_bad_answer'),
    // Whoever asked the engine for a session has one there, and no address to stop it by.
    sessions: [
      [2, 0, 1],
      [1, 1, 0],
    ],
  },
  {
    what: 'gives statistics without end while bytes flow',
    inflict: async scene => {
      scene.inflict({ badJson: { kind: 'endless', on: 'stat', forMs: 2_000 } });
      await scene.watched(3);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
  {
    what: 'jumps in time without saying so',
    inflict: async scene => {
      scene.inflict({ damage: { pcrJumpSeconds: 3_600 } });
      await scene.watched(1);
    },
    ...UNTOUCHED,
    sessions: [[1, 1, 0]],
  },
]);

describeModes('a stream goes on with an announced jump at an engine that', [
  {
    what: 'has nothing of the past any more',
    burstSeconds: 0.3,
    // One group of pictures, and what was broadcast meanwhile.
    lostAtMost: 2_000,
    inflict: scene => scene.inflict({ cut: { session: 'dies' }, slowJson: { delayMs: 700 } }),
    ...REOPENED_IN_VAIN,
    attempts: ['source_ended: reopen', 'session_lost: new-session'],
    sessions: [[2, 1, 0]],
  },
  {
    what: 'has another table of the program in the new body',
    lostAtMost: 1_000,
    inflict: scene => scene.inflict({ eof: {}, damage: { pmtVersion: 7 } }),
    ...REOPENED,
  },
]);
