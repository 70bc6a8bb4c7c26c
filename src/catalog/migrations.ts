/**
 * How the database came to be what it is: one list of statements a version, never changed once released. They run at
 * start, each version in one transaction.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE categories (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      position INTEGER NOT NULL
    )`,
    `CREATE TABLE imports (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      url TEXT NOT NULL UNIQUE,
      enabled INTEGER NOT NULL DEFAULT 1,
      interval_s INTEGER NOT NULL,
      configured INTEGER NOT NULL DEFAULT 0,
      etag TEXT,
      last_modified TEXT,
      last_run_at INTEGER,
      guide_urls TEXT NOT NULL DEFAULT '[]'
    )`,
    `CREATE TABLE import_runs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      import_id INTEGER NOT NULL REFERENCES imports(id) ON DELETE CASCADE,
      started_at INTEGER NOT NULL,
      finished_at INTEGER,
      state TEXT NOT NULL,
      added INTEGER NOT NULL DEFAULT 0,
      changed INTEGER NOT NULL DEFAULT 0,
      removed INTEGER NOT NULL DEFAULT 0,
      skipped INTEGER NOT NULL DEFAULT 0,
      problem TEXT
    )`,
    'CREATE INDEX import_runs_by_import ON import_runs (import_id, id)',
    // AUTOINCREMENT: an id is never given to another channel, whatever was deleted.
    `CREATE TABLE channels (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      number INTEGER,
      category_id INTEGER NOT NULL REFERENCES categories(id),
      logo_url TEXT,
      guide_id TEXT,
      enabled INTEGER NOT NULL DEFAULT 1,
      position INTEGER NOT NULL,
      import_id INTEGER REFERENCES imports(id) ON DELETE SET NULL,
      import_key TEXT,
      edited TEXT NOT NULL DEFAULT '[]',
      added_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      version INTEGER NOT NULL DEFAULT 1
    )`,
    'CREATE UNIQUE INDEX channels_by_import ON channels (import_id, import_key)',
    'CREATE INDEX channels_by_category ON channels (category_id, position)',
    'CREATE INDEX channels_by_position ON channels (position)',
    'CREATE INDEX channels_by_guide_id ON channels (guide_id)',
    `CREATE TABLE sources (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      channel_id INTEGER NOT NULL REFERENCES channels(id) ON DELETE CASCADE,
      rank INTEGER NOT NULL,
      kind TEXT NOT NULL,
      selector TEXT,
      value TEXT NOT NULL,
      options TEXT NOT NULL DEFAULT '{}',
      enabled INTEGER NOT NULL DEFAULT 1,
      import_id INTEGER REFERENCES imports(id) ON DELETE SET NULL
    )`,
    'CREATE INDEX sources_by_channel ON sources (channel_id, rank)',
    'CREATE INDEX sources_by_import ON sources (import_id)',
    // Channels that an administrator deleted: imports must not bring them back.
    `CREATE TABLE import_omissions (
      import_id INTEGER NOT NULL REFERENCES imports(id) ON DELETE CASCADE,
      import_key TEXT NOT NULL,
      PRIMARY KEY (import_id, import_key)
    ) WITHOUT ROWID`,
    // Which category a list's group became: it stays that one when it is renamed.
    `CREATE TABLE import_groups (
      import_id INTEGER NOT NULL REFERENCES imports(id) ON DELETE CASCADE,
      group_key TEXT NOT NULL,
      category_id INTEGER NOT NULL REFERENCES categories(id) ON DELETE CASCADE,
      PRIMARY KEY (import_id, group_key)
    ) WITHOUT ROWID`,
    'CREATE INDEX import_groups_by_category ON import_groups (category_id)',
    `CREATE TABLE guide_sources (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      url TEXT NOT NULL UNIQUE,
      enabled INTEGER NOT NULL DEFAULT 1,
      interval_s INTEGER NOT NULL,
      configured INTEGER NOT NULL DEFAULT 0,
      etag TEXT,
      last_modified TEXT,
      last_run_at INTEGER,
      problem TEXT
    )`,
    `CREATE TABLE guide_channels (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      guide_source_id INTEGER NOT NULL REFERENCES guide_sources(id) ON DELETE CASCADE,
      xmltv_id TEXT NOT NULL,
      names TEXT NOT NULL,
      icon_url TEXT,
      UNIQUE (guide_source_id, xmltv_id)
    )`,
    `CREATE TABLE programmes (
      guide_channel_id INTEGER NOT NULL REFERENCES guide_channels(id) ON DELETE CASCADE,
      start_at INTEGER NOT NULL,
      stop_at INTEGER NOT NULL,
      title TEXT NOT NULL,
      subtitle TEXT,
      description TEXT,
      category TEXT,
      icon_url TEXT,
      PRIMARY KEY (guide_channel_id, start_at)
    ) WITHOUT ROWID`,
    'CREATE INDEX programmes_by_stop ON programmes (stop_at)',
    `CREATE TABLE guide_mappings (
      channel_id INTEGER PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE,
      guide_channel_id INTEGER NOT NULL REFERENCES guide_channels(id) ON DELETE CASCADE,
      score REAL NOT NULL,
      how TEXT NOT NULL
    )`,
    'CREATE INDEX guide_mappings_by_guide_channel ON guide_mappings (guide_channel_id)',
    `CREATE TABLE accounts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      username TEXT NOT NULL UNIQUE,
      password_hash TEXT NOT NULL,
      status TEXT NOT NULL DEFAULT 'active',
      expires_at INTEGER,
      max_connections INTEGER NOT NULL DEFAULT 1,
      is_trial INTEGER NOT NULL DEFAULT 0,
      formats TEXT NOT NULL DEFAULT '["ts"]',
      category_ids TEXT,
      notes TEXT NOT NULL DEFAULT '',
      created_at INTEGER NOT NULL,
      last_login_at INTEGER,
      version INTEGER NOT NULL DEFAULT 1
    )`,
    `CREATE TABLE admins (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      username TEXT NOT NULL UNIQUE,
      password_hash TEXT NOT NULL,
      created_at INTEGER NOT NULL
    )`,
    `CREATE TABLE tokens (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      hash TEXT NOT NULL UNIQUE,
      scopes TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER,
      last_used_at INTEGER
    )`,
    'CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  ],
];
