import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { OPTIONS } from '../../../src/config/schema.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NO_FILE = path.join(folder, 'absent');
const load = (env: NodeJS.ProcessEnv) => loadConfig(env, { envFile: NO_FILE });

function loadFile(content: string, env: NodeJS.ProcessEnv = {}) {
  const envFile = path.join(folder, '.env');
  writeFileSync(envFile, content);
  return loadConfig(env, { envFile });
}

function failure(attempt: () => unknown): ConfigError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

describe('defaults', () => {
  it('are complete, typed and in milliseconds', () => {
    const { config, notes } = load({});
    expect(notes).toEqual([]);
    expect(config).toEqual({
      serverHost: '0.0.0.0',
      serverPort: 8080,
      serverTimezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      dataDir: './data',
      trustedProxies: [],
      publicUrl: undefined,
      httpMaxConnections: 16_384,
      shutdownGraceMs: 5_000,
      logLevel: 'info',
      logFormat: 'auto',
      adminUsername: 'admin',
      adminPassword: undefined,
      secretKey: undefined,
      aceAllow: [],
      acestreamEnabled: true,
      acestreamEngines: [],
      acestreamEngineHost: undefined,
      acestreamEnginePort: 6878,
      acestreamNoResponseTimeoutMs: 30_000,
      acestreamTimeoutMs: 60_000,
      acestreamEmptyTimeoutMs: 60_000,
      stallTimeoutMs: 10_000,
      startStalledTimeoutMs: 20_000,
      engineHealthIntervalMs: 10_000,
      engineMaxStreams: 4,
      engineMaxStarts: 2,
      acestreamChunkSize: undefined,
      acestreamStreamingHost: undefined,
      acestreamStreamingPort: undefined,
      httpSources: [],
      allowPrivateSources: false,
      httpTimeoutMs: 15_000,
      httpUserAgent: 'Sluice',
      shards: Math.min(64, Math.max(1, availableParallelism() - 1)),
      transport: 'auto',
      staleClientTimeoutMs: 30_000,
      startTimeoutMs: undefined,
      recoveryTimeoutMs: 60_000,
      lingerMs: 10_000,
      slate: false,
      flushBudgetMs: 55,
      logMs: 15_000,
      logBytes: 48 * 1024 * 1024,
      memoryBudget: expect.any(Number),
      zeroCopy: true,
      xtreamNullExpiry: false,
      maxViewers: 10_000,
      maxStreams: 100,
      sessionPolicy: 'end-oldest',
      scraperUrls: [],
      scraperUpdateIntervalMs: 86_400_000,
      epgSources: [],
      epgUpdateIntervalMs: 86_400_000,
      epgPastDays: 1,
      epgFutureDays: 14,
      epgLanguages: [],
      epgMaxBytes: 1 << 30,
      epgAcceptTruncated: false,
      databaseUrl: undefined,
      engines: [],
    });
    expect(config.memoryBudget).toBeGreaterThanOrEqual(16 << 20);
    const port: number = config.serverPort;
    const password: string | undefined = config.adminPassword;
    const transport: 'auto' | 'handoff' | 'relay' = config.transport;
    expect([port, password, transport]).toEqual([8080, undefined, 'auto']);
  });

  it('hold for keys that are empty or blank', () => {
    expect(load({ SERVER_PORT: '', SHARDS: '  ', ADMIN_PASSWORD: '', ACE_ALLOW: '' }).config).toEqual(load({}).config);
  });

  it('cannot be changed by whoever holds the configuration', () => {
    const { config } = load({ ACESTREAM_ENGINE_HOST: 'engine', TRUSTED_PROXIES: '10.0.0.1' });
    const mutable = [config, ...Object.values(config)].filter(
      part => typeof part === 'object' && !Object.isFrozen(part),
    );
    expect(mutable).toEqual([]);
  });
});

describe('values', () => {
  it.each<[key: string, text: string, field: keyof ReturnType<typeof load>['config'], value: unknown]>([
    ['SERVER_HOST', '[::1]', 'serverHost', '::1'],
    ['SERVER_PORT', ' 0 ', 'serverPort', 0],
    ['SERVER_TIMEZONE', 'Europe/Madrid', 'serverTimezone', 'Europe/Madrid'],
    ['TRUSTED_PROXIES', '10.0.0.1, 2001:db8::/32 ::1', 'trustedProxies', ['10.0.0.1/32', '2001:db8::/32', '::1/128']],
    ['TRUSTED_PROXIES', '::ffff:10.1.0.0/112,::ffff:1.2.3.4', 'trustedProxies', ['10.1.0.0/16', '1.2.3.4/32']],
    ['SHUTDOWN_GRACE', '0', 'shutdownGraceMs', 0],
    ['LOG_LEVEL', 'WARN', 'logLevel', 'warn'],
    ['ADMIN_PASSWORD', ' spaces count ', 'adminPassword', ' spaces count '],
    ['ACESTREAM_ENABLED', 'Enabled', 'acestreamEnabled', true],
    ['ACESTREAM_ENABLED', 'off', 'acestreamEnabled', false],
    ['HTTP_SOURCES', 'TV.example:8080, *.tv.example *', 'httpSources', ['tv.example:8080', '*.tv.example', '*']],
    [
      'HTTP_SOURCES',
      '127.1:080 [0::1]:1 bücher.example',
      'httpSources',
      ['127.0.0.1:80', '[::1]:1', 'xn--bcher-kva.example'],
    ],
    ['HTTP_USER_AGENT', 'VLC/3 (x)', 'httpUserAgent', 'VLC/3 (x)'],
    ['STALE_CLIENT_TIMEOUT', '0.25', 'staleClientTimeoutMs', 250],
    ['START_TIMEOUT', '45', 'startTimeoutMs', 45_000],
    ['LINGER', '0', 'lingerMs', 0],
    ['SLATE', 'on', 'slate', true],
    ['SHARDS', '64', 'shards', 64],
    ['LOG_BYTES', '2097152', 'logBytes', 2 * 1024 ** 2],
    ['LOG_BYTES', '1024k', 'logBytes', 1024 ** 2],
    ['LOG_BYTES', '1G', 'logBytes', 1024 ** 3],
    ['SESSION_POLICY', 'Refuse', 'sessionPolicy', 'refuse'],
    ['DATABASE_URL', 'sqlite:///./data/x.db', 'databaseUrl', 'sqlite:///./data/x.db'],
  ])('%s=%s is read as %s = %j', (key, text, field, value) => {
    expect(load({ [key]: text }).config[field]).toEqual(value);
  });

  it.each<[what: string, env: NodeJS.ProcessEnv, engines: string[]]>([
    ['one host', { ACESTREAM_ENGINE_HOST: 'engine' }, ['http://engine:6878']],
    [
      'one host and a port',
      { ACESTREAM_ENGINE_HOST: '10.0.0.2', ACESTREAM_ENGINE_PORT: '7000' },
      ['http://10.0.0.2:7000'],
    ],
    ['an IPv6 host', { ACESTREAM_ENGINE_HOST: '2001:db8::1' }, ['http://[2001:db8::1]:6878']],
    ['a list', { ACESTREAM_ENGINES: 'HTTP://A:6878/,https://b, http://a:6878' }, ['http://a:6878', 'https://b']],
    ['a list and a host', { ACESTREAM_ENGINES: 'http://a:1', ACESTREAM_ENGINE_HOST: 'b' }, ['http://a:1']],
    ['a port alone', { ACESTREAM_ENGINE_PORT: '7000' }, []],
  ])('the engines follow from %s', (_what, env, engines) => {
    expect(load(env).config.engines).toEqual(engines);
  });

  it('accepts every key', () => {
    const { config } = load({
      ...Object.fromEntries(
        Object.values(OPTIONS).map(option => [option.env, 'default' in option ? option.default : '']),
      ),
      ADMIN_PASSWORD: 'correct horse',
      SECRET_KEY: 'k'.repeat(32),
      ACESTREAM_ENGINE_HOST: 'engine',
      ACESTREAM_CHUNK_SIZE: '8192',
      ACESTREAM_STREAMING_HOST: '0.0.0.0',
      ACESTREAM_STREAMING_PORT: '8001',
      START_TIMEOUT: '45',
      DATABASE_URL: 'sqlite:data.db',
      PUBLIC_URL: 'https://tv.example',
      XTREAM_NULL_EXPIRY: 'yes',
    });
    expect(Object.entries(config).filter(([, value]) => value === undefined)).toEqual([]);
  });
});

describe('problems', () => {
  const seconds = 'must be a number of seconds from 0.1 to 604800';
  const ranges = 'must be addresses or CIDR ranges such as 10.0.0.0/8, separated by commas';
  const origins =
    'must be http or https origins such as http://127.0.0.1:6878, without path and credentials, separated by commas';
  const origin = 'must be an http or https origin such as https://tv.example.org, without path and credentials';
  const size = 'must be a size of at least 1M, in bytes or with K, M or G (such as 48M)';
  const flag = 'must be true or false (or 1/0, yes/no, on/off, enabled/disabled)';
  const hosts = 'must be hosts such as tv.example, tv.example:8080, *.tv.example or *, separated by commas';
  const database = 'must be an SQLite database such as sqlite:///./data/sluice.db';

  it.each<[key: string, text: string, message: string]>([
    ['SERVER_HOST', 'http://x', 'must be a host name or an address, without scheme and port, got "http://x"'],
    ['SERVER_HOST', '999.0.0.1', 'must be a host name or an address, without scheme and port, got "999.0.0.1"'],
    ['SERVER_PORT', '65536', 'must be a whole number from 0 to 65535, got "65536"'],
    ['SERVER_PORT', '-1', 'must be a whole number from 0 to 65535, got "-1"'],
    ['SERVER_PORT', '0x50', 'must be a whole number from 0 to 65535, got "0x50"'],
    ['SERVER_TIMEZONE', 'Mars/Base', 'must be an IANA time zone such as Europe/Madrid, got "Mars/Base"'],
    ['TRUSTED_PROXIES', '10.0.0.1,10', `${ranges}, got "10"`],
    ['TRUSTED_PROXIES', '10.0.0.0/33', `${ranges}, got "10.0.0.0/33"`],
    ['PUBLIC_URL', 'tv.example', `${origin}, got "tv.example"`],
    ['PUBLIC_URL', 'https://tv.example/iptv', `${origin}, got "https://tv.example/iptv"`],
    ['ACE_ALLOW', 'localhost', `${ranges}, got "localhost"`],
    ['HTTP_MAX_CONNECTIONS', '0', 'must be a whole number from 1 to 1000000, got "0"'],
    ['SHUTDOWN_GRACE', '301', 'must be a number of seconds from 0 to 300, got "301"'],
    ['LOG_LEVEL', 'loud', 'must be one of trace, debug, info, warn, error, fatal, silent, got "loud"'],
    ['LOG_FORMAT', 'xml', 'must be one of auto, json, pretty, got "xml"'],
    ['ADMIN_USERNAME', 'a:b', 'must be 1 to 64 characters without a colon, got "a:b"'],
    ['ADMIN_PASSWORD', 'ChangeMe', 'must be at least 8 characters, and not "changeme"'],
    ['ADMIN_PASSWORD', 'short', 'must be at least 8 characters, and not "changeme"'],
    ['SECRET_KEY', 'too-short', 'must be at least 32 characters'],
    ['ACESTREAM_ENABLED', 'maybe', `${flag}, got "maybe"`],
    ['ACESTREAM_ENGINES', 'engine:6878', `${origins}, got "engine:6878"`],
    ['ACESTREAM_ENGINES', 'http://engine:6878/ace', `${origins}, got "http://engine:6878/ace"`],
    ['ACESTREAM_ENGINES', 'http://me:hidden@engine', `${origins}, got "http://***@engine"`],
    ['ACESTREAM_ENGINE_PORT', '0', 'must be a whole number from 1 to 65535, got "0"'],
    ['ACESTREAM_TIMEOUT', '30s', `${seconds}, got "30s"`],
    ['ENGINE_HEALTH_INTERVAL', '0.05', `${seconds}, got "0.05"`],
    ['HTTP_SOURCES', 'http://tv.example', `${hosts}, got "http://tv.example"`],
    ['HTTP_SOURCES', 'tv.example/path', `${hosts}, got "tv.example/path"`],
    ['HTTP_SOURCES', 'me@tv.example', `${hosts}, got "me@tv.example"`],
    ['HTTP_SOURCES', 'tv.example:', `${hosts}, got "tv.example:"`],
    ['HTTP_SOURCES', 'tv.example:65536', `${hosts}, got "tv.example:65536"`],
    ['HTTP_SOURCES', 'tv.*', `${hosts}, got "tv.*"`],
    ['HTTP_SOURCES', '*tv.example', `${hosts}, got "*tv.example"`],
    ['HTTP_SOURCES', '*.', `${hosts}, got "*."`],
    ['HTTP_SOURCES', '*:80', `${hosts}, got "*:80"`],
    ['HTTP_SOURCES', '::1', `${hosts}, got "::1"`],
    ['HTTP_SOURCES', '999.0.0.1', `${hosts}, got "999.0.0.1"`],
    ['HTTP_USER_AGENT', 'é', 'must be 1 to 256 printable ASCII characters, got "é"'],
    ['STALE_CLIENT_TIMEOUT', 'Infinity', `${seconds}, got "Infinity"`],
    ['STALL_TIMEOUT', '0', `${seconds}, got "0"`],
    ['RECOVERY_TIMEOUT', '0', `${seconds}, got "0"`],
    ['LINGER', '-1', 'must be a number of seconds from 0 to 604800, got "-1"'],
    ['SLATE', 'blank', `${flag}, got "blank"`],
    ['SHARDS', '65', 'must be auto or a whole number from 1 to 64, got "65"'],
    ['TRANSPORT', 'pigeon', 'must be one of auto, handoff, relay, got "pigeon"'],
    ['FLUSH_BUDGET_MS', '1001', 'must be a whole number of milliseconds from 0 to 1000, got "1001"'],
    ['LOG_SECONDS', '0.5', 'must be a number of seconds from 1 to 604800, got "0.5"'],
    ['LOG_BYTES', '1023K', `${size}, got "1023K"`],
    ['LOG_BYTES', '48 MiB', `${size}, got "48 MiB"`],
    ['SCRAPER_URLS', 'ftp://lists', 'must be http or https addresses, separated by commas, got "ftp://lists"'],
    ['SCRAPER_UPDATE_INTERVAL', '59', 'must be a number of seconds from 60 to 604800, got "59"'],
    ['DATABASE_URL', 'postgres://me:hidden@db/x', `${database}, got "postgres://***@db/x"`],
  ])('%s=%s is refused', (key, text, message) => {
    expect(failure(() => load({ [key]: text })).problems).toEqual([{ key, message }]);
  });

  it('are all reported at once, in the order of the keys', () => {
    const error = failure(() => load({ SHARDS: 'x', SERVER_PORT: 'y', TRUSTED_PROXIES: 'here,10.0.0.1,there' }));
    expect(error.message).toBe(
      [
        'Configuration has 4 problems:',
        '  SERVER_PORT: must be a whole number from 0 to 65535, got "y"',
        `  TRUSTED_PROXIES: ${ranges}, got "here"`,
        `  TRUSTED_PROXIES: ${ranges}, got "there"`,
        '  SHARDS: must be auto or a whole number from 1 to 64, got "x"',
      ].join('\n'),
    );
    expect(failure(() => load({ SHARDS: 'x' })).message).toMatch(/^Configuration has 1 problem:\n {2}SHARDS: /);
  });

  it('never show a secret', () => {
    const error = failure(() => load({ ADMIN_PASSWORD: 'hunter2', SECRET_KEY: 'hunter2-and-more' }));
    expect(error.problems).toHaveLength(2);
    expect(JSON.stringify([error.message, error.problems])).not.toContain('hunter2');
  });

  it('show long and multi-line values in bounded form, on one line', () => {
    const { message } = failure(() => load({ LOG_LEVEL: `a\n${'b'.repeat(1_000)}` }));
    expect(message.split('\n')).toHaveLength(2);
    expect(message.length).toBeLessThan(250);
  });

  it.each<[engine: NodeJS.ProcessEnv, origin: string]>([
    [{ ACESTREAM_ENGINES: 'http://10.0.0.1:6878,http://127.0.0.1:6878' }, 'http://127.0.0.1:6878'],
    [{ ACESTREAM_ENGINE_HOST: 'localhost' }, 'http://localhost:6878'],
    [{ ACESTREAM_ENGINE_HOST: '::1' }, 'http://[::1]:6878'],
  ])('include the port of an engine on this machine (%j)', (engine, origin) => {
    expect(failure(() => load({ ...engine, SERVER_PORT: '6878' })).problems).toEqual([
      { key: 'SERVER_PORT', message: `must not be the port of an engine on this machine (${origin}), got "6878"` },
    ]);
    expect(load({ ...engine, SERVER_PORT: '6879' }).config.serverPort).toBe(6879);
  });

  it('do not include the port of an engine elsewhere', () => {
    expect(load({ ACESTREAM_ENGINE_HOST: 'engine', SERVER_PORT: '6878' }).config.serverPort).toBe(6878);
  });
});

describe('the .env file', () => {
  it('is read, and the environment wins over it unless empty', () => {
    const { config } = loadFile('SERVER_PORT=9000\nSHARDS=2 # two\nMAX_STREAMS="7"\n', {
      SHARDS: '3',
      MAX_STREAMS: '',
    });
    expect(config).toMatchObject({ serverPort: 9000, shards: 3, maxStreams: 7 });
  });

  it('takes part in the report of problems', () => {
    expect(failure(() => loadFile('SHARDS=none', { SERVER_PORT: 'x' })).problems.map(({ key }) => key)).toEqual([
      'SERVER_PORT',
      'SHARDS',
    ]);
  });

  it('is named when it cannot be read', () => {
    expect(failure(() => loadConfig({}, { envFile: folder })).problems).toEqual([
      { key: folder, message: 'cannot be read (EISDIR)' },
    ]);
  });

  it('may hold keys that nobody knows: they are noted, with the name that was meant', () => {
    const { notes } = loadFile('SERVR_PORT=1\nACESTREAM_ENGINE=http://a\nCOLOUR=red\n', { FOREIGN: 'x' });
    expect(notes).toEqual([
      'ACESTREAM_ENGINE in the .env file is not a known key; did you mean ACESTREAM_ENGINES?',
      'COLOUR in the .env file is not a known key',
      'SERVR_PORT in the .env file is not a known key; did you mean SERVER_PORT?',
    ]);
  });
});

describe('notes', () => {
  const oneListener = 'everything is served from SERVER_HOST:SERVER_PORT';

  it.each<[key: string, text: string, reason: string]>([
    ['SECRET_KEY', 'k'.repeat(32), 'nothing is signed in this version'],
    ['ACESTREAM_CHUNK_SIZE', '8192', 'bytes are forwarded as they arrive'],
    ['ACESTREAM_STREAMING_HOST', 'localhost', oneListener],
    ['ACESTREAM_STREAMING_PORT', '8001', oneListener],
  ])('say that %s is accepted and changes nothing', (key, text, reason) => {
    expect(load({ [key]: text }).notes).toEqual([`${key} has no effect: ${reason}`]);
  });

  it('say that a list of engines makes the single host idle', () => {
    expect(load({ ACESTREAM_ENGINES: 'http://a:1', ACESTREAM_ENGINE_HOST: 'b' }).notes).toEqual([
      'ACESTREAM_ENGINE_HOST has no effect: ACESTREAM_ENGINES is set',
    ]);
  });
});
