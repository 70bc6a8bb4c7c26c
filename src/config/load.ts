import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { engineOrigins, takesLocalPort } from './engines.ts';
import { ConfigError, type Problem } from './errors.ts';
import { type Config, OPTIONS, type Option, type Settings } from './schema.ts';
import { type Setting, settingsOf } from './settings.ts';
import { suggest } from './suggest.ts';

export { ConfigError, type Problem } from './errors.ts';
export type { Config } from './schema.ts';

/** A usable configuration, and what the operator should know about it. */
export interface LoadedConfig {
  readonly config: Config;
  /** Keys that change nothing, and keys in the file that nobody knows. */
  readonly notes: string[];
  /** Every key with what holds for it, without secrets. */
  readonly settings: readonly Setting[];
}

type Texts = Readonly<Record<string, string | undefined>>;

const OPTION_LIST: readonly (readonly [field: string, option: Option])[] = Object.entries(OPTIONS);
const SHOWN_LENGTH = 80;

/**
 * Reads the environment, and `.env` in the working directory for what the environment leaves unset.
 * Throws one `ConfigError` that names every problem.
 */
export function loadConfig(env: NodeJS.ProcessEnv, options: { envFile?: string } = {}): LoadedConfig {
  const file = readEnvFile(options.envFile ?? '.env');
  const texts = mergeTexts(env, file);
  const { settings, problems } = readSettings(texts);
  problems.push(...portConflicts(settings));
  if (problems.length > 0) throw new ConfigError(problems);

  // Without problems every field has been read.
  const complete = settings as Settings;
  const config = Object.freeze({ ...complete, engines: engineOrigins(complete) });
  return { config, notes: [...unknownKeys(file), ...idleKeys(texts)], settings: settingsOf(env, file) };
}

function readEnvFile(path: string): Texts {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT') return {};
    throw new ConfigError([{ key: path, message: `cannot be read (${reason})` }]);
  }
}

/** An empty text means "not set", so that a compose file may pass on a variable that is empty on the host. */
function mergeTexts(env: Texts, file: Texts): Texts {
  const texts: Record<string, string | undefined> = {};
  for (const [, { env: key, secret }] of OPTION_LIST) {
    const raw = [env[key], file[key]].find(candidate => candidate?.trim());
    texts[key] = secret ? raw : raw?.trim();
  }
  return texts;
}

function readSettings(texts: Texts): { settings: Partial<Settings>; problems: Problem[] } {
  const settings: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [field, option] of OPTION_LIST) {
    const text = texts[option.env] ?? option.default;
    const result = text === undefined ? undefined : option.kind.schema.safeParse(text, { reportInput: true });
    settings[field] = result?.data;
    if (!result?.error) continue;
    // Inside a list the culprit is the item; otherwise a single complaint about the whole text says everything.
    const culprits = result.error.issues.map(issue => (issue.path.length > 0 ? String(issue.input) : text));
    for (const culprit of new Set(culprits)) problems.push(problem(option, culprit));
  }
  return { settings, problems };
}

function problem({ env, kind, secret }: Option, culprit = ''): Problem {
  return { key: env, message: `must be ${kind.accepts}${secret ? '' : `, got ${shown(culprit)}`}` };
}

/** Quoted, of bounded length, and without the credentials that an address may carry. */
function shown(text: string): string {
  const safe = text.replace(/\/\/.*@/, '//***@');
  return JSON.stringify(safe.length > SHOWN_LENGTH ? `${safe.slice(0, SHOWN_LENGTH)}…` : safe);
}

function portConflicts(settings: Partial<Settings>): Problem[] {
  const { serverPort, acestreamEngines = [], acestreamEngineHost, acestreamEnginePort } = settings;
  if (!serverPort || acestreamEnginePort === undefined) return [];
  return engineOrigins({ acestreamEngines, acestreamEngineHost, acestreamEnginePort })
    .filter(origin => takesLocalPort(origin, serverPort))
    .map(origin => ({
      key: OPTIONS.serverPort.env,
      message: `must not be the port of an engine on this machine (${origin}), got "${serverPort}"`,
    }));
}

function unknownKeys(file: Texts): string[] {
  const known = OPTION_LIST.map(([, option]) => option.env);
  return Object.keys(file)
    .filter(key => !known.includes(key))
    .sort()
    .map(key => {
      const meant = suggest(key, known);
      return `${key} in the .env file is not a known key${meant ? `; did you mean ${meant}?` : ''}`;
    });
}

function idleKeys(texts: Texts): string[] {
  const idle = OPTION_LIST.flatMap(([, { env, noEffect }]) => (noEffect && texts[env] ? [[env, noEffect]] : []));
  const { acestreamEngines, acestreamEngineHost } = OPTIONS;
  if (texts[acestreamEngines.env] && texts[acestreamEngineHost.env])
    idle.push([acestreamEngineHost.env, `${acestreamEngines.env} is set`]);
  return idle.map(([key, reason]) => `${key} has no effect: ${reason}`);
}
