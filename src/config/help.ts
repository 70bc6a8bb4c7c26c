import { OPTIONS, type Option, SECTIONS } from './schema.ts';

const USAGE = `Sluice opens each live stream once and fans its bytes out to every viewer.

Usage:
  sluice            start the gateway
  sluice --help     show this text
  sluice --version  show the version

Everything is set by environment variables, or by a file named .env in the working directory;
the environment wins over the file, and an empty value counts as not set.`;

const UNIT_NAMES = { s: 'seconds', ms: 'milliseconds', bytes: 'bytes' } as const;

/** The keys of one section, in the order of the table. */
export function optionsOf(section: Option['section']): Option[] {
  return Object.values<Option>(OPTIONS).filter(option => option.section === section);
}

/** What `sluice --help` prints: usage, then every key with its default, its unit and what it does. */
export function helpText(): string {
  const sections = SECTIONS.map(section => [section, ...optionsOf(section).map(describe)].join('\n'));
  return `${[USAGE, ...sections].join('\n\n')}\n`;
}

function describe({ env, kind, default: value, unset, doc, noEffect }: Option): string {
  const fallback = unset ?? value;
  const facts = [kind.unit && UNIT_NAMES[kind.unit], fallback && `default: ${fallback}`].filter(Boolean).join(', ');
  const head = facts ? `  ${env}  (${facts})` : `  ${env}`;
  return `${head}\n      ${doc}${noEffect ? ` No effect: ${noEffect}.` : ''}`;
}
