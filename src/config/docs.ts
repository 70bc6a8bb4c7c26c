import { realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { optionsOf } from './help.ts';
import { type Option, SECTIONS } from './schema.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/schema.ts by \`npm run docs\`; edits belong there. -->

Every setting is an environment variable, or a line of a file named \`.env\` in the working directory. The environment
wins over the file, and an empty value counts as not set. Durations are in seconds (fractions allowed) unless the name
says otherwise. At start every problem is reported at once, by key; a key in \`.env\` that nobody knows is noted.`;

const EXAMPLE_INTRODUCTION = `# Copy to .env and uncomment what should differ from the default. docs/configuration.md explains every key.
# Generated from src/config/schema.ts by \`npm run docs\`; edits belong there.`;

/** The text of docs/configuration.md. */
export function configurationMarkdown(): string {
  const sections = SECTIONS.map(section =>
    [
      `## ${section}`,
      '',
      '| Key | Default | What it does | Must be |',
      '| --- | --- | --- | --- |',
      ...optionsOf(section).map(row),
    ].join('\n'),
  );
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`;
}

function row({ env, kind, default: value, unset, doc, secret, noEffect }: Option): string {
  const unit = kind.unit && kind.unit !== 'bytes' ? ` ${kind.unit}` : '';
  const fallback = unset ?? (value ? `\`${value}\`${unit}` : 'not set');
  const remarks = [doc, secret && 'Never echoed.', noEffect && `**No effect:** ${noEffect}.`].filter(Boolean);
  return `| \`${env}\` | ${fallback} | ${remarks.join(' ')} | ${kind.accepts} |`;
}

/** The text of .env.example: every key that does something, commented out, at its default. */
export function exampleEnv(): string {
  const sections = SECTIONS.map(section => ({
    section,
    options: optionsOf(section).filter(({ noEffect }) => !noEffect),
  }))
    .filter(({ options }) => options.length > 0)
    .map(({ section, options }) => [`# --- ${section} ---`, ...options.map(exampleLine)].join('\n'));
  return `${[EXAMPLE_INTRODUCTION, ...sections].join('\n\n')}\n`;
}

function exampleLine({ env, default: value = '', unset, doc }: Option): string {
  return unset ? `# ${doc} Default: ${unset}.\n#${env}=` : `# ${doc}\n#${env}=${value}`;
}

const isMain = process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href;
if (isMain) {
  writeFileSync(path.resolve('docs', 'configuration.md'), configurationMarkdown());
  writeFileSync(path.resolve('.env.example'), exampleEnv());
}
