/** Makes up what the demo's channels show: an hour each, by the time of day. */

/** One made-up programme. */
export interface DemoProgramme {
  /** Unix seconds. */
  readonly startAt: number;
  readonly stopAt: number;
  readonly title: string;
  readonly description: string;
  readonly category: string;
}

const HOUR_S = 3_600;

/** What is shown from each hour on, until the next one. */
const DAY_PARTS: readonly { from: number; category: string; titles: readonly string[] }[] = [
  { from: 0, category: 'Music', titles: ['Night Loop', 'Quiet Hours', 'Slow Television'] },
  { from: 6, category: 'News', titles: ['Early News', 'Good Morning', 'Breakfast Show'] },
  { from: 9, category: 'Documentary', titles: ['How It Is Made', 'Rivers of the World', 'The Night Sky'] },
  { from: 12, category: 'News', titles: ['News at Noon', 'Midday Magazine', 'Kitchen Table'] },
  { from: 14, category: 'Series', titles: ['The Lighthouse', 'Platform Nine', 'Harbour Street'] },
  { from: 17, category: 'Children', titles: ['Story Time', 'Workshop for Beginners', 'Animal Quiz'] },
  { from: 19, category: 'News', titles: ['Evening News', 'Weather and Roads', 'The Day in Pictures'] },
  { from: 20, category: 'Film', titles: ['Film of the Evening', 'Classic Film', 'Short Films'] },
  { from: 23, category: 'News', titles: ['Late News', 'Last Edition', 'Tomorrow'] },
];

/**
 * The programmes of one channel from midnight of the day before to midnight two days later, in local time.
 * @param channel counts channels from 0, so that each shows something else
 */
export function programmesOf(channel: number, now: Date): DemoProgramme[] {
  const midnight = (days: number): number =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days).getTime() / 1000;
  const programmes: DemoProgramme[] = [];
  for (let startAt = midnight(-1); startAt < midnight(2); startAt += HOUR_S) {
    const start = new Date(startAt * 1000);
    const part = DAY_PARTS.findLast(({ from }) => from <= start.getHours())!;
    programmes.push({
      startAt,
      stopAt: startAt + HOUR_S,
      title: part.titles[(start.getHours() + start.getDate() + channel) % part.titles.length]!,
      description: 'A made-up programme of the built-in demo.',
      category: part.category,
    });
  }
  return programmes;
}
