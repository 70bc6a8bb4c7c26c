/** Writes moments as the clocks of one time zone show them, the way the Xtream API does: `2026-07-25 19:20:00`. */
export class ZonedClock {
  readonly timeZone: string;
  readonly #format: Intl.DateTimeFormat;

  /** @param timeZone IANA name */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  }

  /** @param unixSeconds a moment, whole seconds */
  show(unixSeconds: number): string {
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(unixSeconds * 1000)) parts[type] = value;
    return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`;
  }
}
