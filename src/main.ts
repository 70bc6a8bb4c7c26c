/** The program: configuration, start, signals; nothing else. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { helpText } from './config/help.ts';
import { ConfigError, type LoadedConfig, loadConfig } from './config/load.ts';
import { Gateway } from './gateway.ts';
import { createLogger } from './observability/log.ts';

/** npm and a terminal may both pass one Ctrl-C on; only a later signal is a second wish. */
const SAME_SIGNAL_MS = 500;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** What people read goes to stderr, so that stdout holds log lines only. */
function say(...lines: string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`);
}

function load(): LoadedConfig | undefined {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say(`sluice: ${error.message}`, '', "'npx sluice --help' lists all settings.");
    return undefined;
  }
}

/** Addresses under which players in the network may find us. */
function addresses(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host.includes(':') ? `[${host}]` : host];
  const own = Object.values(networkInterfaces()).flatMap(list => list ?? []);
  return [
    '127.0.0.1',
    ...own.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  ];
}

function greet(gateway: Gateway, host: string): void {
  const bases = addresses(host).map(address => `http://${address}:${gateway.port}`);
  const contents = gateway.demoContents;
  const players =
    contents === undefined
      ? ['Open in a player, with the content id of your choice:', `  ${bases[0]}/ace/getstream?id=<content id>`]
      : [
          'No engine is configured (ACESTREAM_ENGINES), so a built-in demo runs. Open in a player, for example VLC:',
          ...contents.map(({ contentId, name }) => `  ${bases[0]}/ace/getstream?id=${contentId}   ${name}`),
        ];
  const login = gateway.demoLogin;
  const xtream =
    login === undefined
      ? []
      : [
          '',
          'Or log in with an Xtream player; this account and its channels exist only in the demo, and what you change is',
          'gone when it ends:',
          `  server ${bases.at(-1)}   user name ${login.username}   password ${login.password}`,
        ];
  say('', `Sluice ${version} is ready on ${bases.join(' and ')}`, '', ...players, ...xtream, '');
}

async function run(): Promise<void> {
  const loaded = load();
  if (loaded === undefined) {
    process.exitCode = 78; // EX_CONFIG of sysexits.h
    return;
  }
  const { config, notes, settings } = loaded;
  process.env.TZ = config.serverTimezone; // Times people read, in the log for one, are in this zone.
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const note of notes) log.warn(note);

  let gateway: Gateway | undefined;
  let signalledMs = 0;
  const end = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (signalledMs > 0) {
      if (nowMs - signalledMs >= SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    signalledMs = nowMs;
    log.info({ signal }, 'signal received');
    if (gateway === undefined) process.exit(0);
    setTimeout(() => process.exit(1), config.shutdownGraceMs).unref();
    void gateway.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);

  const fail = (cause: unknown): never => {
    log.fatal({ err: cause }, 'the gateway cannot go on');
    say(`sluice: ${cause instanceof Error ? cause.message : String(cause)}`);
    process.exit(1);
  };
  process.on('uncaughtException', fail);

  try {
    gateway = await Gateway.start({
      config,
      settings,
      log,
      version,
      onAdminPassword: password =>
        say(
          `Administrator '${config.adminUsername}' has the password ${password} (shown only now; set ADMIN_PASSWORD to choose your own)`,
        ),
      onFatal: fail,
    });
  } catch (error) {
    fail(error);
  }
  greet(gateway!, config.serverHost);
  log.info({ port: gateway!.port, version }, 'ready');
}

const [argument] = process.argv.slice(2);
if (argument === '--help' || argument === '-h') process.stdout.write(`${helpText()}\n`);
else if (argument === '--version') process.stdout.write(`${version}\n`);
else if (argument === undefined) await run();
else {
  say(`sluice: unknown argument '${argument}'`, "'npx sluice --help' shows what there is.");
  process.exitCode = 64; // EX_USAGE
}
