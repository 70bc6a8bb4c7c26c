import { type Database, inTransaction, openDatabase } from '../../../src/catalog/database.ts';
import type { MatchAnswer, MatchRequest, SourceTotals } from '../../../src/guide/guide-job.ts';
import { type Match, type MatchCandidate, type MatchChannel, Matcher } from '../../../src/guide/matching.ts';
import type { JobLink } from '../../../src/jobs/job-link.ts';

type Connection = Database['connection'];

interface Mapping {
  channel_id: number;
  guide_channel_id: number;
  score: number;
  how: Match['how'] | 'manual';
}

/** Finds the guide of every channel anew, but for those that somebody chose by hand, and writes what has changed. */
export async function matchChannels(
  { database, sourceOrder, nowS }: MatchRequest,
  link: JobLink<unknown>,
): Promise<MatchAnswer> {
  const catalog = openDatabase(database);
  try {
    const { connection } = catalog;
    const matcher = new Matcher(candidates(connection, sourceOrder, nowS));
    const channels = connection
      .prepare(
        `SELECT c.id, c.name, c.guide_id AS guideId, k.name AS category
         FROM channels AS c JOIN categories AS k ON k.id = c.category_id`,
      )
      .all() as MatchChannel[];
    const old = new Map(
      (connection.prepare('SELECT * FROM guide_mappings').all() as Mapping[]).map(row => [row.channel_id, row]),
    );
    const found = new Map<number, Match>();
    for (const channel of channels) {
      link.throwIfStopped();
      if (old.get(channel.id)?.how === 'manual') continue;
      const match = matcher.match(channel);
      if (match !== undefined) found.set(channel.id, match);
    }
    const manual = [...old.values()].filter(({ how }) => how === 'manual').length;
    const changed = writeMatches(connection, old, found);
    return {
      channels: channels.length,
      matched: found.size + manual,
      manual,
      changed,
      sources: totals(connection),
    };
  } finally {
    await catalog.close();
  }
}

/** Guide channels that have something to show, the preferred source first. */
function* candidates(
  connection: Connection,
  sourceOrder: readonly number[],
  nowS: number,
): Generator<MatchCandidate, void, undefined> {
  const rows = connection
    .prepare(
      `SELECT g.id, g.xmltv_id AS xmltvId, g.names
       FROM guide_channels AS g JOIN guide_sources AS s ON s.id = g.guide_source_id
       LEFT JOIN json_each(@order) AS o ON o.value = s.id
       WHERE s.enabled = 1 AND s.last_run_at IS NOT NULL
         AND EXISTS (SELECT 1 FROM programmes AS p WHERE p.guide_channel_id = g.id AND p.stop_at > @nowS)
       ORDER BY o.key IS NULL, o.key, s.id, g.id`,
    )
    .all({ order: JSON.stringify(sourceOrder), nowS }) as { id: number; xmltvId: string; names: string }[];
  for (const { id, xmltvId, names } of rows) yield { id, xmltvId, names: JSON.parse(names) as string[] };
}

/** Writes the difference. What was chosen by hand, or removed, since it was read is left alone. */
function writeMatches(connection: Connection, old: Map<number, Mapping>, found: Map<number, Match>): number {
  const isSame = (row: Mapping, match: Match | undefined): boolean =>
    match !== undefined &&
    row.guide_channel_id === match.guideChannelId &&
    row.score === match.score &&
    row.how === match.how;
  const lost = [...old.values()].filter(row => row.how !== 'manual' && !found.has(row.channel_id));
  const fresh = [...found.values()].filter(match => {
    const row = old.get(match.channelId);
    return row === undefined || !isSame(row, match);
  });
  if (lost.length + fresh.length === 0) return 0;
  return inTransaction(connection, () => {
    const forget = connection.prepare("DELETE FROM guide_mappings WHERE channel_id = ? AND how <> 'manual'");
    const keep = connection.prepare(
      `INSERT INTO guide_mappings (channel_id, guide_channel_id, score, how)
       SELECT c.id, g.id, @score, @how FROM channels AS c, guide_channels AS g
       WHERE c.id = @channelId AND g.id = @guideChannelId
       ON CONFLICT (channel_id) DO UPDATE
       SET guide_channel_id = excluded.guide_channel_id, score = excluded.score, how = excluded.how
       WHERE guide_mappings.how <> 'manual'`,
    );
    let changes = 0;
    for (const { channel_id } of lost) changes += forget.run(channel_id).changes;
    for (const match of fresh) changes += keep.run({ ...match }).changes;
    return changes;
  });
}

function totals(connection: Connection): SourceTotals[] {
  return connection
    .prepare(
      `SELECT s.id AS sourceId, COUNT(g.id) AS channels,
         COALESCE(SUM((SELECT COUNT(*) FROM programmes AS p WHERE p.guide_channel_id = g.id)), 0) AS programmes
       FROM guide_sources AS s LEFT JOIN guide_channels AS g ON g.guide_source_id = s.id GROUP BY s.id`,
    )
    .all() as SourceTotals[];
}
