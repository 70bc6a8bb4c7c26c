import { describe, expect, it } from '@jest/globals';
import { type LoginFacts, loginBody, originText } from '../../../src/xtream/login.ts';
import type { Standing } from '../../../src/xtream/ports.ts';
import { ZonedClock } from '../../../src/xtream/zoned-clock.ts';

const ACCOUNT = {
  id: 7,
  expiresAt: 1_798_761_600,
  maxConnections: 2,
  isTrial: false,
  formats: ['m3u8', 'ts'],
  categoryIds: null,
  createdAt: 1_735_084_800,
};

function facts(over: Partial<LoginFacts> = {}): LoginFacts {
  return {
    credentials: { username: 'alice', password: 's3cret' },
    account: ACCOUNT,
    standing: 'active',
    activeConnections: 1,
    origin: { protocol: 'http', host: 'tv.example.org', port: 8080 },
    clock: new ZonedClock('Europe/Madrid'),
    nowSeconds: Date.parse('2026-07-25T17:20:00Z') / 1000,
    nullExpiry: false,
    ...over,
  };
}

describe('the body of a login', () => {
  it('has every field with the type that players insist on', () => {
    expect(loginBody(facts())).toEqual({
      user_info: {
        username: 'alice',
        password: 's3cret',
        message: '',
        auth: 1,
        status: 'Active',
        exp_date: '1798761600',
        is_trial: '0',
        active_cons: '1',
        created_at: '1735084800',
        max_connections: '2',
        allowed_output_formats: ['ts'],
      },
      server_info: {
        url: 'tv.example.org',
        port: '8080',
        https_port: '',
        server_protocol: 'http',
        rtmp_port: '0',
        timezone: 'Europe/Madrid',
        timestamp_now: 1_785_000_000,
        time_now: '2026-07-25 19:20:00',
        process: true,
      },
    });
  });

  it('names the port twice behind https, because players differ in which one they take', () => {
    const { server_info } = loginBody(facts({ origin: { protocol: 'https', host: 'tv.example.org', port: 443 } }));
    expect(server_info).toMatchObject({ port: '443', https_port: '443', server_protocol: 'https' });
  });

  it.each<[Standing, string]>([
    ['active', 'Active'],
    ['expired', 'Expired'],
    ['disabled', 'Disabled'],
    ['banned', 'Banned'],
  ])('lets in who is %s and says %s', (standing, status) => {
    expect(loginBody(facts({ standing })).user_info).toMatchObject({ auth: 1, status });
  });

  it('gives an account without end a date that fits into 31 bits, or null where asked for', () => {
    const account = { ...ACCOUNT, expiresAt: null };
    const date = Number(loginBody(facts({ account })).user_info.exp_date);
    expect(date).toBeGreaterThan(facts().nowSeconds);
    expect(date).toBeLessThan(2 ** 31);
    expect(loginBody(facts({ account, nullExpiry: true })).user_info.exp_date).toBeNull();
    expect(loginBody(facts({ nullExpiry: true })).user_info.exp_date).toBe('1798761600');
  });

  it('never says that no connection is allowed when there is no limit', () => {
    expect(loginBody(facts({ account: { ...ACCOUNT, maxConnections: 0 } })).user_info.max_connections).toBe('999999');
  });
});

describe('an origin as text', () => {
  it.each([
    ['http', 80, 'http://tv.example.org'],
    ['http', 443, 'http://tv.example.org:443'],
    ['https', 443, 'https://tv.example.org'],
    ['https', 8443, 'https://tv.example.org:8443'],
  ] as const)('of %s and port %i is %s', (protocol, port, text) => {
    expect(originText({ protocol, host: 'tv.example.org', port })).toBe(text);
  });
});
