import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hash as bcryptHash } from 'bcryptjs';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type PlayServer, startPlayServer } from '../helpers/play-server.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import { until, within } from '../helpers/until.ts';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
/** Well below what anybody would notice, and above what a loaded machine needs. */
const SOON_MS = 1_000;

let engine: StandIn;
let gateway: TestGateway;
let server: PlayServer;

async function start(env: Record<string, string> = {}): Promise<void> {
  engine = await startStandIn();
  for (const infohash of [A, B]) engine.putContent(infohash, { kind: 'synthetic', bitsPerSecond: 2_000_000 });
  gateway = await startGateway({ ACESTREAM_ENGINES: engine.url, ...env });
  server = await startPlayServer(gateway.gateway);
  await gateway.gateway.accounts.create({ username: 'alice', password: 's3cret', maxConnections: 1 });
}

afterEach(async () => {
  await gateway.close();
  await server.close();
  await engine.close();
});

const activeOf = (id = 1): number => gateway.gateway.sessions.activeOf(id);

describe.each(['handoff', 'relay'])('sessions, viewers served by %s', transport => {
  beforeEach(() => start({ TRANSPORT: transport }));

  it('with one connection allowed zapping keeps the new channel and ends the old one at once', async () => {
    const others = gateway.watch(`infohash=${A}`);
    const old = server.play('alice', A);
    await old.more(200);
    const fresh = server.play('alice', B);
    await within('the old channel to end', old.closed, SOON_MS);
    await fresh.more(200);
    expect(gateway.gateway.sessions.list()).toMatchObject([{ username: 'alice', stream: B, userAgent: 'tv' }]);
    expect(gateway.gateway.sessions.history()).toMatchObject([{ stream: A, reason: 'replaced' }]);
    const { bytes, seconds } = gateway.gateway.sessions.history()[0]!;
    expect([bytes > 0, seconds > 0]).toEqual([true, true]);
    // Whoever else watches the channel that was left notices nothing.
    await others.more(200);
    expect(others.check).toMatchObject({ syncErrors: 0, continuityErrors: 0 });
    expect(await gateway.metric('sluice_session_ends_total')).toMatchObject({ '{reason="replaced"}': 1 });
    expect(await gateway.metric('sluice_sessions')).toEqual({ '': 1 });
  });

  it('another device takes the connection over, and is the one to be ended next', async () => {
    const tv = server.play('alice', A);
    await tv.more(50);
    const phone = server.play('alice', A, { agent: 'phone' });
    await within('the TV to be ended', tv.closed, SOON_MS);
    await phone.more(50);
    const again = server.play('alice', A);
    await within('the phone to be ended', phone.closed, SOON_MS);
    await again.more(50);
    expect(gateway.gateway.sessions.history().map(({ reason }) => reason)).toEqual(['limit', 'limit']);
  });

  it('a connection that breaks off frees its place at once', async () => {
    const viewer = server.play('alice', A);
    await viewer.more(50);
    viewer.socket.resetAndDestroy();
    await until('the place to be free', () => activeOf() === 0, SOON_MS);
    await until('the log line', () => gateway.log.some(({ msg }) => msg === 'session ended'));
    expect(gateway.gateway.sessions.history()).toMatchObject([{ reason: 'client-gone' }]);
  });

  it('six connections that a player opens to tune in are one session, and all of them are served', async () => {
    const players = Array.from({ length: 6 }, () => server.play('alice', A));
    await Promise.all(players.map(player => player.more(100)));
    expect(gateway.gateway.sessions.list()).toMatchObject([{ connections: 6 }]);
    expect(activeOf()).toBe(1);
    for (const player of players.slice(1)) player.leave();
    await until('five to be gone', () => gateway.gateway.sessions.list()[0]?.connections === 1);
    await players[0]!.more(100);
    expect(players[0]!.check).toMatchObject({ syncErrors: 0, continuityErrors: 0 });
    const logins = gateway.log.filter(({ msg }) => msg === 'account logged in');
    expect(logins).toMatchObject([{ account: 'alice' }]);
  });

  it('an administrator ends one, also before its first byte', async () => {
    engine.patchContent(B, { faults: { slowJson: { delayMs: 5_000 } } });
    const waiting = server.play('alice', B);
    const [session] = await until('the session', () => {
      const sessions = gateway.gateway.sessions.list();
      return sessions.length > 0 && sessions;
    });
    expect(gateway.gateway.sessions.end(session!.id)).toBe(true);
    expect(activeOf()).toBe(0);
    expect(await waiting.json()).toMatchObject({ error: { code: 'session_ended' } });
    expect(waiting.status).toBe(403);
    await until('the history', () => gateway.gateway.sessions.history()[0]?.reason === 'kicked');
  });

  it('one that was sent away does not come back with the next shard', async () => {
    const viewer = server.play('alice', A);
    const other = gateway.watch(`infohash=${A}`);
    await Promise.all([viewer.more(50), other.more(50)]);
    const { shards, sessions } = gateway.gateway;
    const dead = shards.handles[shards.shardFor(A)]!.kill();
    sessions.end(sessions.list()[0]!.id);
    await dead;
    await within('the viewer to be let go', viewer.closed);
    await other.more(500);
    expect(sessions.history()).toMatchObject([{ reason: 'kicked' }]);
  });

  it('ends with its account', async () => {
    const viewer = server.play('alice', A);
    await viewer.more(50);
    await gateway.gateway.accounts.update(1, { status: 'disabled' });
    await within('the viewer to be sent away', viewer.closed, SOON_MS);
    expect(await gateway.gateway.credentials.verify('alice', 's3cret', 'x')).toMatchObject({ standing: 'disabled' });
    await until('the history', () => gateway.gateway.sessions.history()[0]?.reason === 'account-closed');
  });
});

describe('accounts of a gateway', () => {
  it('are refused a second device where the policy says so, and never a change of channel', async () => {
    await start({ SESSION_POLICY: 'refuse' });
    const tv = server.play('alice', A);
    await tv.more(50);
    const phone = server.play('alice', B, { agent: 'phone' });
    await within('the phone to be refused', phone.closed);
    expect([phone.status, phone.body.toString()]).toEqual([403, expect.stringContaining('sessions_full')]);
    const zapped = server.play('alice', B);
    await zapped.more(50);
    await within('the old channel to end', tv.closed, SOON_MS);
  });

  it('that moved in with a bcrypt hash log in, checked on another thread, and get a hash of ours', async () => {
    await start();
    const { accounts, credentials } = gateway.gateway;
    await accounts.moveIn({ username: 'old' }, await bcryptHash('moved in', 10));
    expect(await credentials.verify('old', 'wrong', 'x')).toEqual({ kind: 'refused' });
    expect(await credentials.verify('old', 'moved in', 'x')).toMatchObject({ kind: 'ok' });
    await until('the login to be noted', async () => (await accounts.list({ search: 'old' })).items[0]!.lastLoginAt);
    expect(await gateway.metric('sluice_logins_total')).toMatchObject({
      '{result="ok"}': 1,
      '{result="refused"}': 1,
    });
  });

  it('cost microseconds once they are known', async () => {
    await start();
    const { credentials } = gateway.gateway;
    await credentials.verify('alice', 's3cret', 'x');
    const rounds = 20_000;
    const startedMs = performance.now();
    for (let i = 0; i < rounds; i++) await credentials.verify('alice', 's3cret', 'x');
    // A hundredth of a hash; usually it is a thousandth of that.
    expect(((performance.now() - startedMs) / rounds) * 1_000).toBeLessThan(500);
  });

  it('appear in the log by name, and never with their password', async () => {
    await start();
    const viewer = server.play('alice', A);
    await viewer.more(50);
    const wrong = server.play('alice', A, { password: 'wr0ng' });
    await within('the refusal', wrong.closed);
    viewer.leave();
    await until('the log line', () => gateway.log.some(({ msg }) => msg === 'session ended'));
    const lines = gateway.log.filter(({ account }) => account === 'alice').map(({ msg }) => msg);
    expect(lines).toEqual(
      expect.arrayContaining(['account logged in', 'client connected', 'session started', 'login refused']),
    );
    expect(JSON.stringify(gateway.log)).not.toMatch(/s3cret|wr0ng/);
  });

  it('are looked after by scripts with tokens of the right scope', async () => {
    await start();
    const { secret } = await gateway.gateway.tokens.create({ name: 'graphs', scopes: ['read'] });
    const call = async (method: string): Promise<number> => {
      const headers = { authorization: `Bearer ${secret}` };
      return (await gateway.call('/api/aceproxy/streams', { method, headers, anonymous: true })).status;
    };
    expect([await call('GET'), await call('DELETE')]).toEqual([200, 403]);
    await gateway.gateway.tokens.revoke(1);
    expect(await call('GET')).toBe(401);
  });
});
