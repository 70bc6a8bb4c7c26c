/** A large catalogue, written where a gateway will find it. */
import path from 'node:path';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { openDatabase } from '../../src/catalog/database.ts';

/** The account that the catalogue comes with, and one that may see every other category. */
export const ACCOUNTS = [
  { username: 'bench', password: 'bench-password', allCategories: true },
  { username: 'half', password: 'half-password', allCategories: false },
] as const;

const CATEGORIES = 200;

/** Writes channels, categories and accounts into a new database. */
export async function writeCatalogue(dataDir: string, channels: number): Promise<void> {
  const database = openDatabase(path.join(dataDir, 'sluice.db'));
  const { connection } = database;
  const hashes = await Promise.all(ACCOUNTS.map(({ password }) => hashPassword(password)));
  connection.exec('BEGIN');
  const category = connection.prepare('INSERT INTO categories (id, name, position) VALUES (?, ?, ?)');
  for (let id = 1; id <= CATEGORIES; id++) category.run(id, `Group ${id}`, id);
  const channel = connection.prepare(
    `INSERT INTO channels (id, name, category_id, logo_url, guide_id, position, added_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, 1735884153, 1735884153)`,
  );
  for (let id = 1; id <= channels; id++)
    channel.run(
      id,
      `Channel ${id} HD`,
      1 + (id % CATEGORIES),
      `http://logos.example/${id}.png`,
      `channel${id}.example`,
      id,
    );
  const account = connection.prepare(
    `INSERT INTO accounts (username, password_hash, max_connections, category_ids, created_at)
     VALUES (?, ?, 0, ?, 1735884153)`,
  );
  const odd = Array.from({ length: CATEGORIES / 2 }, (_, i) => 2 * i + 1);
  for (const [i, { username, allCategories }] of ACCOUNTS.entries())
    account.run(username, hashes[i]!, allCategories ? null : JSON.stringify(odd));
  connection.exec('COMMIT');
  await database.close();
}
