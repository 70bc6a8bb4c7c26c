import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { describeModes, type Mode } from '../helpers/modes.ts';
import { INFOHASH, type Scene } from '../helpers/recovery.ts';

/** What a body that ends comes to when its session lives, and when it does not. */
const REOPENED = {
  interruptions: { source_ended: 1 },
  recoveries: { reopen: 1 },
  attempts: ['source_ended: reopen'],
  sessions: [[1, 1, 0]],
} satisfies Partial<Mode>;
const BEGUN_ANEW = {
  interruptions: { source_ended: 1 },
  recoveries: { 'new-session': 1 },
  attempts: ['source_ended: reopen', 'session_lost: new-session'],
  sessions: [[2, 1, 0]],
} satisfies Partial<Mode>;
/** The engine has lost the session, and another one runs it. */
const MOVED = { interruptions: { source_ended: 1 }, recoveries: { 'other-engine': 1 } } satisfies Partial<Mode>;

/** Another player starts the content at the engine, which takes it away from us (acestream-engine-api 7.1). */
async function takeOver({ carrier }: Scene): Promise<void> {
  const answer = await fetch(`${carrier.url}/ace/getstream?format=json&infohash=${INFOHASH}&pid=somebody`);
  await answer.text();
}

/** Lost sessions, cut and ended bodies, engines that go away: acestream-engine-api 10. */
describeModes('a stream goes on without loss at an engine that', [
  { what: 'ends the body', inflict: scene => scene.inflict({ eof: {} }), ...REOPENED },
  {
    what: 'ends the body and the session',
    inflict: scene => scene.inflict({ eof: { session: 'dies' } }),
    ...BEGUN_ANEW,
  },
  { what: 'cuts the body in the middle of a packet', inflict: scene => scene.inflict({ cut: {} }), ...REOPENED },
  {
    what: 'cuts the body and forgets the session',
    inflict: scene => scene.inflict({ cut: { session: 'dies' } }),
    ...BEGUN_ANEW,
  },
  {
    what: 'takes us for a second reader when the body is opened again',
    inflict: scene => scene.inflict({ eof: {}, secondReader: {} }),
    ...BEGUN_ANEW,
    attempts: ['source_ended: reopen', 'engine_bad_answer: new-session'],
    sessions: [[2, 2, 0]],
  },
  {
    what: 'gives the content to another player, from whom it is taken back',
    inflict: takeOver,
    ...BEGUN_ANEW,
    sessions: [[3, 1, 0]],
  },
  {
    what: 'forgets the session without a word, and leaves the body open',
    inflict: scene => scene.inflict({ vanish: {} }),
    ...BEGUN_ANEW,
    interruptions: { session_lost: 1 },
    attempts: ['session_lost: new-session'],
  },
  {
    what: 'denies knowing the session while its bytes flow, at another',
    engines: 2,
    inflict: scene => scene.inflict({ unknownSession: {} }),
    interruptions: { session_lost: 1 },
    recoveries: { 'other-engine': 1 },
    attempts: ['session_lost: new-session', 'session_lost: other-engine'],
    // Who denies a session does not stop it either, and gives it to the same player again.
    sessions: [
      [1, 0, 1],
      [1, 1, 0],
    ],
  },
  { what: 'restarts', inflict: ({ carrier }) => carrier.global({ restart: true }), ...BEGUN_ANEW },
  {
    what: 'is down for a while, with no other to go to',
    inflict: async ({ carrier }) => {
      carrier.global({ down: true, restart: true });
      await delay(1_500);
      carrier.global({ down: false });
    },
    ...BEGUN_ANEW,
    attempts: expect.arrayContaining(['source_ended: reopen', 'engine_unavailable: start']) as unknown as string[],
  },
  {
    what: 'goes down, at another',
    engines: 2,
    inflict: ({ carrier }) => carrier.global({ down: true, restart: true }),
    ...MOVED,
    attempts: ['source_ended: reopen', 'engine_unavailable: other-engine'],
    sessions: [
      [1, 0, 0],
      [1, 1, 0],
    ],
  },
  {
    what: 'hangs, at another',
    engines: 2,
    env: { RECOVERY_TIMEOUT: '15' },
    inflict: ({ carrier }) => carrier.global({ hang: true, restart: true }),
    ...MOVED,
    attempts: ['source_ended: reopen', 'engine_silent: other-engine'],
    sessions: [
      [1, 0, 0],
      [1, 1, 0],
    ],
  },
  {
    what: 'hangs with its body open, at another',
    engines: 2,
    env: { RECOVERY_TIMEOUT: '15' },
    burstSeconds: 20,
    inflict: scene => {
      scene.inflict({ stall: {} });
      scene.carrier.global({ hang: true });
    },
    ...MOVED,
    interruptions: { source_stalled: 1 },
    attempts: ['source_stalled: reopen', 'engine_silent: other-engine'],
    // Nobody can stop a session there.
    sessions: [
      [1, 0, 1],
      [1, 1, 0],
    ],
  },
  {
    what: 'answers 503 to everything, at another',
    engines: 2,
    inflict: ({ carrier }) => carrier.global({ status503: true, restart: true }),
    ...MOVED,
    attempts: ['source_ended: reopen', 'engine_bad_answer: new-session', 'engine_bad_answer: other-engine'],
    sessions: [
      [1, 0, 0],
      [1, 1, 0],
    ],
  },
]);
