import { OPTIONS, type Option } from './schema.ts';

/** One key of the configuration as administrators see it. */
export interface Setting {
  readonly key: string;
  readonly section: Option['section'];
  readonly doc: string;
  /** As it is written in the environment; null when it is not set or never shown. */
  readonly value: string | null;
  readonly source: 'environment' | 'file' | 'default';
  /** The value is set, perhaps, and never shown. */
  readonly secret: boolean;
}

type Texts = Readonly<Record<string, string | undefined>>;

/** Addresses of lists carry accounts before the host, and in their queries. */
function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^\s,/?]*@/g, '//***@').replace(/\?[^\s,]+/g, '?***');
}

/** Every key with what holds for it, and who says so. The environment wins over the file; an empty text is none. */
export function settingsOf(env: Texts, file: Texts): Setting[] {
  return Object.values<Option>(OPTIONS).map(({ env: key, section, doc, default: fallback, secret }) => {
    const [source, text] = (['environment', 'file'] as const)
      .map(name => [name, (name === 'environment' ? env : file)[key]?.trim()] as const)
      .find(([, value]) => value) ?? ['default' as const, fallback];
    const shown = secret || text === undefined ? null : withoutCredentials(text);
    return { key, section, doc, value: shown, source, secret: secret === true };
  });
}
