import type { EngineMember } from './engine-member.ts';

const MAX_CONTENTS = 10_000;

/** Which engine ran a content last: it has its metadata and pieces of it, so it starts faster there. */
export class RecentEngines {
  readonly #members = new Map<string, EngineMember>();

  /** The engine that ran a content last. */
  of(content: string): EngineMember | undefined {
    return this.#members.get(content);
  }

  /** Notes that an engine runs a content; what was noted longest ago makes room. */
  remember(content: string, member: EngineMember): void {
    this.#members.delete(content);
    this.#members.set(content, member);
    if (this.#members.size > MAX_CONTENTS) this.#members.delete(this.#members.keys().next().value!);
  }

  /** An engine failed a content, so there is no reason to prefer it. */
  forget(content: string, member: EngineMember): void {
    if (this.#members.get(content) === member) this.#members.delete(content);
  }
}
