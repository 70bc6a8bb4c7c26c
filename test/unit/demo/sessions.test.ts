import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type StandIn, startStandIn } from '../../helpers/stand-in.ts';
import { type Answer, type Control, getJson, open, poll, start, statOf } from './player.ts';
import { WireRequest } from './wire-client.ts';

const infohash = `${'b'.repeat(32)}0000000a`;
const unknown = { response: null, error: 'unknown playback session id' };

let standIn: StandIn;

beforeEach(async () => {
  standIn = await startStandIn({ idleExpiryMs: 60_000 });
});

afterEach(async () => {
  await standIn.close();
});

const stop = (control: Control): Promise<Answer<string>> => getJson(`${control.command_url}?method=stop`);

describe('a session', () => {
  it('is the same for the same player', async () => {
    const first = await start(standIn, infohash, 'a');
    expect(await start(standIn, infohash, 'a')).toEqual(first);
    expect(standIn.state().counts).toMatchObject({ sessionsStarted: 1, takeovers: 0, getstreamCalls: 2 });
  });

  it('is taken over by another player, which ends the former body', async () => {
    const first = await start(standIn, infohash, 'a');
    const body = await open(first);
    await body.body(188);
    const second = await start(standIn, infohash, 'b');
    expect(await body.ended()).toBe('end');
    expect(await statOf(first)).toEqual(unknown);
    expect((await statOf(second)).error).toBeNull();
    expect(standIn.state().counts.takeovers).toBe(1);
  });

  it('leaves sessions of other contents alone', async () => {
    const first = await start(standIn, infohash, 'a');
    await start(standIn, `${'b'.repeat(32)}0000000b`, 'a');
    expect((await statOf(first)).error).toBeNull();
    expect(standIn.state().sessions).toHaveLength(2);
  });

  it('is replaced by any other start of its player when engines allow one per player', async () => {
    const strict = await startStandIn({ onePerPlayer: true });
    const first = await start(strict, infohash, 'a');
    await start(strict, `${'b'.repeat(32)}0000000b`, 'a');
    expect(await statOf(first)).toEqual(unknown);
    await strict.close();
  });

  it('gives a second reader a doubled status line, and the first goes on', async () => {
    const control = await start(standIn, infohash);
    const first = await open(control);
    await first.body(188);
    const second = new WireRequest(control.playback_url);
    expect(await second.head()).toMatch(/^HTTP\/1\.1 200 OK\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await second.ended()).toBe('end');
    await first.body(first.received.length + 10_000);
    expect(standIn.state().counts).toMatchObject({ readersOpened: 1, secondReaders: 1 });
    first.close();
  });

  it('can be read again once the first reader is gone', async () => {
    const control = await start(standIn, infohash);
    const first = await open(control);
    await first.body(188);
    first.close();
    await poll('the reader to be gone', () => standIn.state().readersOpenNow === 0);
    const second = await open(control);
    await second.body(188);
    second.close();
  });

  it('ends its body cleanly when it is stopped, and is unknown to a second stop', async () => {
    const control = await start(standIn, infohash);
    const body = await open(control);
    await body.body(188);
    expect(await stop(control)).toEqual({ response: 'ok', error: null });
    expect(await body.ended()).toBe('end');
    expect(await stop(control)).toEqual(unknown);
    expect(standIn.state().counts).toMatchObject({ stops: 2, sessionsStopped: 1 });
    const late = await fetch(control.playback_url);
    expect(late.status).toBe(404);
  });

  it('is left behind by a client that gives up before the answer', async () => {
    standIn.engine.putContent(infohash, { kind: 'synthetic', faults: { slowJson: { delayMs: 60_000 } } });
    const request = new WireRequest(`${standIn.url}/ace/getstream?format=json&infohash=${infohash}&pid=a`);
    await poll('the session to begin', () => standIn.state().sessions.length === 1);
    request.close();
    await start(standIn, `${'b'.repeat(32)}0000000b`);
    expect(standIn.state().sessions).toHaveLength(2);
  });

  it('is forgotten when the engine restarts, and its body reset', async () => {
    const control = await start(standIn, infohash);
    const body = await open(control);
    await body.body(188);
    standIn.global({ restart: true });
    await body.ended();
    // A pooled connection may have been reset, too: the first request can fail.
    const stat = (): Promise<Answer | undefined> => statOf(control).catch(() => undefined);
    await poll('an answer after the restart', async () => (await stat())?.error === unknown.error);
    expect(standIn.state().sessions).toEqual([]);
  });
});

describe('idle expiry', () => {
  it('ends a session nobody reads or asks about', async () => {
    const quick = await startStandIn({ idleExpiryMs: 40 });
    const control = await start(quick, infohash);
    await poll('the expiry', () => quick.state().counts.sessionsExpired === 1);
    expect(await statOf(control)).toEqual(unknown);
    await quick.close();
  });

  it('is put off by stat polls, but not by those that say they are no activity', async () => {
    const quick = await startStandIn({ idleExpiryMs: 200 });
    const control = await start(quick, infohash);
    const startedMs = performance.now();
    while (performance.now() - startedMs < 500) expect((await statOf(control)).error).toBeNull();
    const passive = `${control.stat_url}?skip_player_activity=1`;
    await poll('the expiry', async () => (await getJson<Answer>(passive)).error !== null);
    await quick.close();
  });

  it('spares a session that is read', async () => {
    const quick = await startStandIn({ idleExpiryMs: 40 });
    const body = await open(await start(quick, infohash));
    await body.body(2_300_000);
    expect(quick.state().counts.sessionsExpired).toBe(0);
    body.close();
    await poll('the expiry', () => quick.state().counts.sessionsExpired === 1);
    await quick.close();
  });
});

describe('the event URL', () => {
  it('answers events as they come, an empty one after the hold, and then that the session is unknown', async () => {
    const quick = await startStandIn({ eventHoldMs: 20 });
    const control = await start(quick, infohash, 'a', '&use_api_events=1&use_stop_notifications=1');
    expect(await getJson(control.event_url!)).toEqual({ response: {}, error: null });
    const event = { name: 'live_changed', params: { is_live: 1 } };
    quick.patchContent(infohash, { events: [event] });
    expect(await getJson(control.event_url!)).toEqual({ response: event, error: null });
    await stop(control);
    expect(await getJson(control.event_url!)).toEqual(unknown);
    await quick.close();
  });

  it('answers a poll that waits when the session ends', async () => {
    const control = await start(standIn, infohash, 'a', '&use_api_events=1&use_stop_notifications=1');
    const waiting = getJson(control.event_url!);
    await poll('the poll to wait', () => standIn.state().counts.eventPolls === 1);
    await stop(control);
    expect(await waiting).toEqual({
      response: { name: 'download_stopped', params: { reason: 'stopped' } },
      error: null,
    });
  });
});
