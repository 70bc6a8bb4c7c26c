import { afterEach, describe, expect, it } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { RUNGS } from '../../../workers/shard/source/source.ts';
import { EngineSourceRig } from '../support/engine-source-rig.ts';
import { json } from '../support/scripted-engine.ts';
import { INFOHASH } from '../support/session-engine.ts';
import { until, within } from '../support/waiting.ts';

const NOT_FOUND = json({ error: 'failed to load content' });
const BROKEN = json({ error: 'something is wrong in here' });

const rigs: EngineSourceRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function rigWith(...options: Parameters<typeof EngineSourceRig.with>): Promise<EngineSourceRig> {
  const rig = await EngineSourceRig.with(...options);
  rigs.push(rig);
  return rig;
}

describe('an engine source', () => {
  it('takes a lease, opens a session, waits until data flows, and reads', async () => {
    const rig = await rigWith(1);
    const running = await rig.flowing('start');
    rig.engine.send(' second');
    await until('the second piece', () => rig.received === 'first second');
    expect(rig.leases.asked).toEqual([{ content: INFOHASH, avoid: [], onlyOthers: false, waitMs: 60_000 }]);
    expect(rig.engine.asked).toEqual(['/ace/getstream infohash pid-1', '/ace/stat/1', '/ace/r/1', '/content/1']);
    expect([rig.leases.sessions, rig.leases.flowed]).toEqual([[{ leaseId: 1, commandPath: '/ace/cmd/1' }], [1]]);
    expect(rig.info).toEqual([{ contentType: 'video/mp2t', infohash: INFOHASH, origin: rig.engine.url }]);
    running.abort.abort();
    expect(await rig.failure(running)).toBeUndefined();
    await within('the closing', rig.source.close());
    expect(rig.events).toEqual(['session opened', 'session stopped']);
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: undefined }]);
  });

  it('keeps session and lease when it breaks, for the rung that may need them', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    expect([rig.engine.open.size, rig.leases.held]).toEqual([1, [1]]);
    await within('the closing', rig.source.close());
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: 'source_ended' }]);
  });

  it('can be closed before it was run, and twice', async () => {
    const rig = await rigWith(1);
    await rig.source.close();
    await rig.broken();
    for (let i = 0; i < 2; i++) await within('the closing', rig.source.close());
    expect(rig.engine.asked.filter(path => path === '/ace/cmd/1')).toHaveLength(1);
    expect(rig.leases.returned).toHaveLength(1);
  });

  it('says so when the engine does not confirm that a session was stopped', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    rig.engine.open.clear(); // The engine is restarted, and away.
    await rig.engine.close();
    await within('the closing', rig.source.close());
    expect(rig.events.at(-1)).toBe('session not confirmed stopped');
    expect(rig.leases.held).toEqual([]);
    rigs.pop();
  });

  it('ends well when a content with an end comes to it', async () => {
    const rig = await rigWith(1);
    rig.engine.isLive = 0;
    const running = await rig.flowing('start');
    rig.engine.finish();
    expect(await rig.failure(running)).toBeUndefined();
  });

  it('does not take the end of a body for the end of a broadcast', async () => {
    const rig = await rigWith(1);
    const running = await rig.flowing('start');
    rig.engine.finish();
    expect(await rig.failure(running)).toMatchObject({ code: 'source_ended', message: 'The engine ended the stream.' });
  });

  it('fails with what its sink objects, and closes the connection', async () => {
    const rig = await rigWith(1);
    rig.objection = new SluiceError('source_not_stream', 'That is no stream.');
    expect(await rig.failure(rig.run('start'))).toBe(rig.objection);
    await until('the body closes', () => rig.engine.bodies.size === 0);
  });

  it('does not blame the engine for a crash of its sink', async () => {
    const rig = await rigWith(1);
    rig.objection = new TypeError('a bug');
    const failure = await rig.failure(rig.run('start'));
    expect([failure!.code, failure!.cause]).toEqual(['internal', rig.objection]);
  });

  it('opens nothing when there is no engine, and holds nothing then', async () => {
    const rig = await rigWith(1);
    rig.leases.refusal = new SluiceError('engines_full', 'Full.');
    for (const how of ['start', ...RUNGS] as const) expect(await rig.failure(rig.run(how))).toBe(rig.leases.refusal);
    expect([rig.engine.asked, rig.leases.returned]).toEqual([[], []]);
    rig.leases.refusal = undefined;
    const running = await rig.flowing('reopen');
    running.abort.abort();
    await rig.failure(running);
  });
});

describe('the rung', () => {
  it('"reopen" reads the same session again', async () => {
    const rig = await rigWith(2);
    await rig.broken();
    const running = await rig.flowing('reopen');
    expect([rig.leases.granted.length, rig.events]).toEqual([1, ['session opened']]);
    expect(rig.engine.asked.slice(4)).toEqual(['/ace/stat/1', '/ace/r/1', '/content/1']);
    running.abort.abort();
    await rig.failure(running);
  });

  it('"reopen" of a session that the engine has forgotten fails at once', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    rig.engine.open.clear();
    expect(await rig.failure(rig.run('reopen'))).toMatchObject({ code: 'session_lost' });
  });

  it.each(['new-session', 'start'] as const)(
    '"%s" stops the session, then opens another at the same engine',
    async how => {
      const rig = await rigWith(2);
      await rig.broken();
      const running = await rig.flowing(how);
      expect(rig.leases.granted).toHaveLength(1);
      expect(rig.engine.asked.slice(4, 6)).toEqual(['/ace/cmd/1', '/ace/getstream infohash pid-1']);
      expect([...rig.engine.open]).toEqual([2]);
      expect(rig.events).toEqual(['session opened', 'session stopped', 'session opened']);
      running.abort.abort();
      await rig.failure(running);
    },
  );

  it('"new-session" behind a stop that was not confirmed asks as another player, who gets no old session', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    rig.engine.stop = (_, response) => void response.destroy();
    const running = await rig.flowing('new-session');
    expect(rig.events).toContain('session not confirmed stopped');
    const players = rig.engine.asked.filter(asked => asked.startsWith('/ace/getstream'));
    expect(new Set(players).size).toBe(2);
    rig.engine.stop = undefined;
    rig.engine.open.delete(1); // It ends by itself.
    running.abort.abort();
    await rig.failure(running);
  });

  it('"other-engine" stops the session, returns the lease with the failure, and asks for another engine', async () => {
    const rig = await rigWith(2);
    await rig.broken();
    const running = await rig.flowing('other-engine');
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: 'source_ended' }]);
    expect(rig.leases.asked[1]).toMatchObject({ content: INFOHASH, avoid: [rig.engine.url], onlyOthers: false });
    expect([rig.engine.open.size, rig.engines[1]!.open.size, rig.info.at(-1)!.origin]).toEqual([
      0,
      1,
      rig.engines[1]!.url,
    ]);
    running.abort.abort();
    await rig.failure(running);
    await within('the closing', rig.source.close());
    // The second engine did nothing wrong.
    expect(rig.leases.returned[1]).toEqual({ leaseId: 2, failure: undefined });
  });

  it('"other-engine" avoids every engine that failed since bytes came last', async () => {
    const rig = await rigWith(3);
    for (const engine of rig.engines.slice(0, 2)) engine.start = BROKEN;
    await rig.failure(rig.run('start'));
    await rig.failure(rig.run('other-engine'));
    const running = await rig.flowing('other-engine');
    rig.engine.start = undefined;
    expect(rig.leases.asked[2]!.avoid).toEqual([rig.engines[0]!.url, rig.engines[1]!.url]);
    running.abort.abort();
    await rig.failure(running);
    await rig.broken('reopen');
    const moved = await rig.flowing('other-engine');
    expect(rig.leases.asked[3]!.avoid).toEqual([rig.engines[2]!.url]);
    moved.abort.abort();
    await rig.failure(moved);
  });

  it('"other-engine" goes back to the only engine there is once bytes have come', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    const running = await rig.flowing('other-engine');
    expect(rig.leases.granted).toHaveLength(2);
    running.abort.abort();
    await rig.failure(running);
  });

  it('"other-engine" gives the reason of the only engine there is before a byte came, and holds nothing', async () => {
    const rig = await rigWith(1);
    rig.engine.start = BROKEN;
    const first = await rig.failure(rig.run('start'));
    expect(first).toMatchObject({ code: 'engine_refused' });
    expect(await rig.failure(rig.run('other-engine'))).toBe(first);
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: 'engine_refused' }]);
    expect(rig.engine.asked).toHaveLength(1);
  });

  it('"start" tries the only engine there is again, though it failed before', async () => {
    const rig = await rigWith(1);
    rig.engine.start = BROKEN;
    await rig.failure(rig.run('start'));
    await rig.failure(rig.run('other-engine'));
    rig.engine.start = undefined;
    const running = await rig.flowing('start');
    running.abort.abort();
    await rig.failure(running);
  });

  it('"other-engine" behind an attempt that was cut short gives the reason of the front where there is no other', async () => {
    const rig = await rigWith(1);
    rig.engine.play = () => {};
    const late = rig.run('start');
    await until('playback is asked for', () => rig.engine.asked.includes('/content/1'));
    late.abort.abort();
    expect(await rig.failure(late)).toBeUndefined();
    rig.engine.play = undefined;
    expect(await rig.failure(rig.run('other-engine'))).toMatchObject({ message: 'There is no other.' });
    const running = await rig.flowing('start');
    running.abort.abort();
    await rig.failure(running);
  });

  it('"start" of a source that was closed holds nothing against any engine', async () => {
    const rig = await rigWith(2);
    rig.engine.start = BROKEN;
    rig.engines[1]!.start = BROKEN;
    await rig.failure(rig.run('start'));
    await rig.failure(rig.run('other-engine'));
    await rig.source.close();
    rig.engine.start = undefined;
    const running = await rig.flowing('start');
    expect(rig.leases.asked.map(({ avoid }) => avoid.length)).toEqual([0, 1, 0]);
    running.abort.abort();
    await rig.failure(running);
  });
});

describe('an engine', () => {
  it('is not blamed for what another one did', async () => {
    const rig = await rigWith(2);
    rig.engine.start = (_, response) => void response.destroy();
    expect(await rig.failure(rig.run('start'))).toMatchObject({ code: 'engine_unavailable' });
    rig.engines[1]!.play = () => {};
    const running = rig.run('other-engine');
    await until('playback is asked for', () => rig.engines[1]!.asked.includes('/content/1'));
    running.abort.abort(); // The viewers left.
    await rig.failure(running);
    await within('the closing', rig.source.close());
    expect(rig.leases.returned).toEqual([
      { leaseId: 1, failure: 'engine_unavailable' },
      { leaseId: 2, failure: undefined },
    ]);
  });

  it('is not blamed for engines that were busy', async () => {
    const rig = await rigWith(1);
    rig.leases.refusal = new SluiceError('engines_busy', 'Busy.');
    await rig.failure(rig.run('start'));
    rig.leases.refusal = undefined;
    rig.engine.play = () => {};
    const running = rig.run('start');
    await until('playback is asked for', () => rig.engine.asked.includes('/content/1'));
    running.abort.abort();
    await rig.failure(running);
    await within('the closing', rig.source.close());
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: undefined }]);
  });

  it('is not blamed any more once bytes came', async () => {
    const rig = await rigWith(1);
    await rig.broken();
    const running = await rig.flowing('reopen');
    running.abort.abort();
    await rig.failure(running);
    await within('the closing', rig.source.close());
    expect(rig.leases.returned).toEqual([{ leaseId: 1, failure: undefined }]);
  });
});

describe('an id', () => {
  const AS_ID = { selector: { kind: 'content_id', value: INFOHASH } } as const;
  const starts = (rig: EngineSourceRig): string[] =>
    rig.engine.asked.filter(asked => asked.startsWith('/ace/getstream')).map(asked => asked.split(' ')[1]!);

  /** Makes the engine find the content by infohash alone. */
  function knowByInfohash(rig: EngineSourceRig): void {
    rig.engine.start = (request, response) => {
      const byId = new URL(request.url!, 'http://engine').searchParams.has('id');
      (byId ? NOT_FOUND : rig.engine.answerStart)(request, response);
    };
  }

  it('that is an infohash is asked for as one, and remembered as one', async () => {
    const rig = await rigWith(1, {}, AS_ID);
    knowByInfohash(rig);
    await rig.broken();
    await rig.broken('new-session');
    expect(starts(rig)).toEqual(['id', 'infohash', 'infohash']);
    expect(rig.events.filter(event => event === 'retrying id as infohash')).toHaveLength(1);
  });

  it('that cannot be found either way is an id again the next time', async () => {
    const rig = await rigWith(1, {}, AS_ID);
    rig.engine.start = NOT_FOUND;
    for (const how of ['start', 'new-session'] as const)
      expect(await rig.failure(rig.run(how))).toMatchObject({ code: 'content_not_found' });
    rig.engine.start = undefined;
    await rig.broken('new-session');
    expect(starts(rig)).toEqual(['id', 'infohash', 'id', 'infohash', 'id']);
  });

  it('is not retried when something else is wrong', async () => {
    const rig = await rigWith(1, {}, AS_ID);
    rig.engine.start = BROKEN;
    expect(await rig.failure(rig.run('start'))).toMatchObject({ code: 'engine_refused' });
    expect(starts(rig)).toEqual(['id']);
  });
});
