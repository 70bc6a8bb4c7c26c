/** Everything behind the routes for Xtream players, built in one place; part of the composition root. */

import type { CatalogEvents } from './catalog/catalog-events.ts';
import type { Categories } from './catalog/categories.ts';
import type { Channels } from './catalog/channels.ts';
import { guideIdOf } from './guide/guide-id.ts';
import { CpuPool } from './jobs/cpu-pool.ts';
import type { Logger } from './observability/log.ts';
import type { StreamDirectory } from './viewers/stream-directory.ts';
import type { ListRequest } from './xtream/list-kinds.ts';
import { Lists } from './xtream/lists.ts';
import type { GuidePort, LoginPort, SessionsPort } from './xtream/ports.ts';
import type { Xtream } from './xtream/xtream.ts';
import { ZonedClock } from './xtream/zoned-clock.ts';

/** What {@link XtreamFront} is built from. */
export interface XtreamFrontParts {
  /** The catalogue's file, which jobs open themselves. */
  databasePath: string;
  events: CatalogEvents;
  categories: Categories;
  channels: Channels;
  guide: GuidePort;
  directory: StreamDirectory;
  logins: LoginPort;
  sessions: SessionsPort;
  timeZone: string;
  nullExpiry: boolean;
  log: Logger;
}

/** The Xtream API's parts and the thread that writes its lists. */
export class XtreamFront {
  readonly xtream: Xtream;
  readonly #lists: Lists;
  /** Apart from that for imports, which keep theirs busy for seconds while players wait for a list. */
  readonly #pool = new CpuPool();
  readonly #stopListening: () => void;

  constructor(parts: XtreamFrontParts) {
    const { databasePath, events, categories, channels, guide, directory, logins, sessions, nullExpiry, log } = parts;
    this.#lists = new Lists({
      write: kind => this.#pool.run('lists', { databasePath, kind } satisfies ListRequest),
      onFailure: (kind, error) => log.error({ err: error, kind }, 'a list of channels could not be written'),
    });
    this.#stopListening = events.onChanged(() => this.#lists.changed());
    this.xtream = {
      logins,
      sessions,
      guide,
      catalog: {
        channel: id => {
          const channel = channels.get(id);
          return channel && { ...channel, guideId: guideIdOf(channel) };
        },
        categories: () => categories.list(),
        specFor: id => directory.channelSpecFor(channels.get(id) ?? { sources: [] }),
      },
      lists: this.#lists,
      clock: new ZonedClock(parts.timeZone),
      nowSeconds: () => Math.floor(Date.now() / 1000),
      nullExpiry,
    };
  }

  /** Writes the lists that players ask for first, before anybody does. */
  start(): void {
    this.#lists.warm();
  }

  /** Stops the jobs and ends their thread. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#lists.close();
    await this.#pool.close();
  }
}
