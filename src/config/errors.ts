/** What is wrong with one key. */
export interface Problem {
  readonly key: string;
  readonly message: string;
}

/** The configuration cannot be used. It carries everything that is wrong, so that one look is enough to mend it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super([`Configuration has ${count}:`, ...problems.map(({ key, message }) => `  ${key}: ${message}`)].join('\n'));
    this.problems = problems;
  }
}
