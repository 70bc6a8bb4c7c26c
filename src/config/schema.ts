import {
  flag,
  host,
  hostPatterns,
  type Kind,
  languages,
  mebibytes,
  memoryBudget,
  milliseconds,
  oneOf,
  origin,
  origins,
  ranges,
  seconds,
  shardCount,
  text,
  timeZone,
  webAddresses,
  webAddressesOrFiles,
  whole,
} from './kinds.ts';

/** The sections of the documentation, in reading order. */
export const SECTIONS = [
  'Server',
  'Logging',
  'Security',
  'AceStream',
  'HTTP sources',
  'Streaming',
  'Accounts',
  'Catalogue',
  'Xtream API',
] as const;

/** One key of the configuration. */
export interface Option {
  /** The name in the environment and in `.env`. */
  readonly env: string;
  readonly section: (typeof SECTIONS)[number];
  readonly kind: Kind<unknown>;
  /** What holds when the key is not set, written as in the environment; without it the field may be undefined. */
  readonly default?: string;
  /** What not setting the key means, in words, where the default itself does not say it. */
  readonly unset?: string;
  readonly doc: string;
  /** The value is never echoed. */
  readonly secret?: true;
  /** Why the key is accepted and yet changes nothing. */
  readonly noEffect?: string;
}

const ONE_LISTENER = 'everything is served from SERVER_HOST:SERVER_PORT';

/** Every key, by the name of its field in `Config`: the only list of them; all else is derived from it. */
export const OPTIONS = {
  serverHost: {
    env: 'SERVER_HOST',
    section: 'Server',
    kind: host,
    default: '0.0.0.0',
    doc: 'Address to listen on; :: listens on IPv4 and IPv6.',
  },
  serverPort: {
    env: 'SERVER_PORT',
    section: 'Server',
    kind: whole(0, 65_535),
    default: '8080',
    doc: 'Port to listen on; 0 takes any free one.',
  },
  serverTimezone: {
    env: 'SERVER_TIMEZONE',
    section: 'Server',
    kind: timeZone,
    // Undefined, whatever the types say, where TZ names a zone that does not exist.
    default: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
    unset: 'the time zone of the system',
    doc: 'Time zone in which times are shown to people.',
  },
  dataDir: {
    env: 'DATA_DIR',
    section: 'Server',
    kind: text('the path of a directory', /^[^\0]+$/),
    default: './data',
    doc: 'Directory for everything that outlives a restart.',
  },
  trustedProxies: {
    env: 'TRUSTED_PROXIES',
    section: 'Server',
    kind: ranges,
    default: '',
    unset: 'none',
    doc: 'Proxies whose Forwarded and X-Forwarded-* headers are believed.',
  },
  publicUrl: {
    env: 'PUBLIC_URL',
    section: 'Server',
    kind: origin,
    unset: 'what trusted proxies forward, or else the Host header',
    doc: 'Where players reach the gateway; goes into playlists and logins.',
  },
  httpMaxConnections: {
    env: 'HTTP_MAX_CONNECTIONS',
    section: 'Server',
    kind: whole(1, 1_000_000),
    default: '16384',
    doc: 'Connections held at once that are not viewers yet.',
  },
  shutdownGraceMs: {
    env: 'SHUTDOWN_GRACE',
    section: 'Server',
    kind: seconds(0, 300),
    default: '5',
    doc: 'How long a shutdown lets requests and streams come to their end.',
  },

  logLevel: {
    env: 'LOG_LEVEL',
    section: 'Logging',
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    doc: 'The least severe messages that are logged.',
  },
  logFormat: {
    env: 'LOG_FORMAT',
    section: 'Logging',
    kind: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    doc: 'Log lines as JSON or for people; auto is pretty on a terminal and JSON elsewhere.',
  },

  adminUsername: {
    env: 'ADMIN_USERNAME',
    section: 'Security',
    kind: text('1 to 64 characters without a colon', /^[^:\p{Cc}]{1,64}$/u),
    default: 'admin',
    doc: 'Name of the administrator.',
  },
  adminPassword: {
    env: 'ADMIN_PASSWORD',
    section: 'Security',
    kind: text('at least 8 characters, and not "changeme"', /^(?!changeme$).{8,}$/isu),
    unset: 'a random one, made once, stored hashed under DATA_DIR and printed once',
    doc: 'Password of the administrator.',
    secret: true,
  },
  secretKey: {
    env: 'SECRET_KEY',
    section: 'Security',
    kind: text('at least 32 characters', /^.{32,}$/su),
    doc: 'Signs the sessions of the web page.',
    secret: true,
    noEffect: 'nothing is signed in this version',
  },
  aceAllow: {
    env: 'ACE_ALLOW',
    section: 'Security',
    kind: ranges,
    default: '',
    unset: 'loopback and private addresses',
    doc: 'Clients that may open /ace/*, /http/* and /metrics.',
  },

  acestreamEnabled: {
    env: 'ACESTREAM_ENABLED',
    section: 'AceStream',
    kind: flag,
    default: 'true',
    doc: 'Whether AceStream streams are served.',
  },
  acestreamEngines: {
    env: 'ACESTREAM_ENGINES',
    section: 'AceStream',
    kind: origins,
    default: '',
    unset: 'ACESTREAM_ENGINE_HOST, or else the built-in demo',
    doc: 'The engines that open streams.',
  },
  acestreamEngineHost: {
    env: 'ACESTREAM_ENGINE_HOST',
    section: 'AceStream',
    kind: host,
    unset: 'none',
    doc: 'Host of the only engine, where ACESTREAM_ENGINES is not set.',
  },
  acestreamEnginePort: {
    env: 'ACESTREAM_ENGINE_PORT',
    section: 'AceStream',
    kind: whole(1, 65_535),
    default: '6878',
    doc: 'Port of the engine at ACESTREAM_ENGINE_HOST.',
  },
  acestreamNoResponseTimeoutMs: {
    env: 'ACESTREAM_NO_RESPONSE_TIMEOUT',
    section: 'AceStream',
    kind: seconds(),
    default: '30',
    doc: 'How long an engine may take to answer a start request; an unknown infohash alone takes it 28 s.',
  },
  acestreamTimeoutMs: {
    env: 'ACESTREAM_TIMEOUT',
    section: 'AceStream',
    kind: seconds(),
    default: '60',
    doc: 'The start budget, where START_TIMEOUT is not set.',
  },
  acestreamEmptyTimeoutMs: {
    env: 'ACESTREAM_EMPTY_TIMEOUT',
    section: 'AceStream',
    kind: seconds(),
    default: '60',
    doc: 'How long a session may bring no byte, whatever its statistics say, before it is read in another way.',
  },
  stallTimeoutMs: {
    env: 'STALL_TIMEOUT',
    section: 'AceStream',
    kind: seconds(),
    default: '10',
    doc: 'Silence of a live session after which its statistics are asked what is wrong.',
  },
  startStalledTimeoutMs: {
    env: 'START_STALLED_TIMEOUT',
    section: 'AceStream',
    kind: seconds(),
    default: '20',
    doc: 'A start whose engine reports no peers and no downloaded byte for this long ends early with 504.',
  },
  engineHealthIntervalMs: {
    env: 'ENGINE_HEALTH_INTERVAL',
    section: 'AceStream',
    kind: seconds(),
    default: '10',
    doc: 'How often each engine is asked whether it is well.',
  },
  engineMaxStreams: {
    env: 'ENGINE_MAX_STREAMS',
    section: 'AceStream',
    kind: whole(1, 1_000),
    default: '4',
    doc: 'Streams that one engine runs at once.',
  },
  engineMaxStarts: {
    env: 'ENGINE_MAX_STARTS',
    section: 'AceStream',
    kind: whole(1, 1_000),
    default: '2',
    doc: 'Streams that one engine starts at once; further ones wait for their turn.',
  },
  acestreamChunkSize: {
    env: 'ACESTREAM_CHUNK_SIZE',
    section: 'AceStream',
    kind: whole(1, 2 ** 31 - 1),
    doc: 'Size of the pieces in which bytes used to be forwarded.',
    noEffect: 'bytes are forwarded as they arrive',
  },
  acestreamStreamingHost: {
    env: 'ACESTREAM_STREAMING_HOST',
    section: 'AceStream',
    kind: host,
    doc: 'Address of what used to be a second listener.',
    noEffect: ONE_LISTENER,
  },
  acestreamStreamingPort: {
    env: 'ACESTREAM_STREAMING_PORT',
    section: 'AceStream',
    kind: whole(0, 65_535),
    doc: 'Port of what used to be a second listener.',
    noEffect: ONE_LISTENER,
  },

  httpSources: {
    env: 'HTTP_SOURCES',
    section: 'HTTP sources',
    kind: hostPatterns,
    default: '',
    unset: 'none',
    doc: 'Hosts whose streams viewers may open by /http/getstream; redirects may lead to others.',
  },
  allowPrivateSources: {
    env: 'ALLOW_PRIVATE_SOURCES',
    section: 'HTTP sources',
    kind: flag,
    default: 'false',
    doc: 'Whether sources may be at loopback and private addresses.',
  },
  httpTimeoutMs: {
    env: 'HTTP_TIMEOUT',
    section: 'HTTP sources',
    kind: seconds(),
    default: '15',
    doc: 'How long a source may take to answer, redirects included, or bring no byte.',
  },
  httpUserAgent: {
    env: 'HTTP_USER_AGENT',
    section: 'HTTP sources',
    kind: text('1 to 256 printable ASCII characters', /^[ -~]{1,256}$/),
    default: 'Sluice',
    doc: 'What sources are told as User-Agent, unless a request says otherwise.',
  },

  shards: {
    env: 'SHARDS',
    section: 'Streaming',
    kind: shardCount,
    default: 'auto',
    doc: 'Threads that carry streams; auto is one less than the cores, and at least one.',
  },
  transport: {
    env: 'TRANSPORT',
    section: 'Streaming',
    kind: oneOf('auto', 'handoff', 'relay'),
    default: 'auto',
    doc: "Handoff gives a viewer's socket to the shard, relay writes through the front; auto is handoff where possible.",
  },
  staleClientTimeoutMs: {
    env: 'STALE_CLIENT_TIMEOUT',
    section: 'Streaming',
    kind: seconds(),
    default: '30',
    doc: 'A viewer that takes no byte for this long is detached.',
  },
  startTimeoutMs: {
    env: 'START_TIMEOUT',
    section: 'Streaming',
    kind: seconds(),
    unset: 'ACESTREAM_TIMEOUT',
    doc: "Start budget: from the first viewer's request to the first byte.",
  },
  recoveryTimeoutMs: {
    env: 'RECOVERY_TIMEOUT',
    section: 'Streaming',
    kind: seconds(),
    default: '60',
    doc: 'How long a broken stream is tried to be brought back, on every engine and source it has, with its viewers attached.',
  },
  lingerMs: {
    env: 'LINGER',
    section: 'Streaming',
    kind: seconds(0),
    default: '10',
    doc: 'How long a stream goes on without viewers, for those who come back at once; 0 ends it with the last one.',
  },
  slate: {
    env: 'SLATE',
    section: 'Streaming',
    kind: flag,
    default: 'false',
    doc: 'Whether viewers see a "be right back" clip while their stream is brought back; else their picture stands still.',
  },
  flushBudgetMs: {
    env: 'FLUSH_BUDGET_MS',
    section: 'Streaming',
    kind: milliseconds(0, 1000),
    default: '55',
    doc: 'Longest time a busy shard gathers bytes between two writes to a viewer; 0 sends at once.',
  },
  logMs: {
    env: 'LOG_SECONDS',
    section: 'Streaming',
    kind: seconds(1),
    default: '15',
    doc: 'How much of a stream its packet log keeps.',
  },
  logBytes: {
    env: 'LOG_BYTES',
    section: 'Streaming',
    kind: mebibytes(1),
    default: '48M',
    doc: 'The most that the packet log of a stream may hold.',
  },
  memoryBudget: {
    env: 'MEMORY_BUDGET',
    section: 'Streaming',
    kind: memoryBudget(16),
    default: 'auto',
    doc: 'The most that all packet logs may hold together; auto is half of the memory. Near it logs shrink, at it new streams get 503.',
  },
  zeroCopy: {
    env: 'ZERO_COPY',
    section: 'Streaming',
    kind: flag,
    default: 'true',
    doc: 'Whether sockets refer to the packet log instead of copying from it, where viewers are handed off.',
  },
  maxViewers: {
    env: 'MAX_VIEWERS',
    section: 'Streaming',
    kind: whole(1, 100_000),
    default: '10000',
    doc: 'Viewers served at once.',
  },
  maxStreams: {
    env: 'MAX_STREAMS',
    section: 'Streaming',
    kind: whole(1, 10_000),
    default: '100',
    doc: 'Streams open at once.',
  },

  sessionPolicy: {
    env: 'SESSION_POLICY',
    section: 'Accounts',
    kind: oneOf('end-oldest', 'refuse'),
    default: 'end-oldest',
    doc: 'What happens when an account opens more sessions than it may: its oldest ends, or the new one is refused unless the same device makes room.',
  },

  scraperUrls: {
    env: 'SCRAPER_URLS',
    section: 'Catalogue',
    kind: webAddresses,
    default: '',
    unset: 'none',
    doc: 'M3U lists of channels to read into the catalogue; those that are added by hand are read as well.',
  },
  scraperUpdateIntervalMs: {
    env: 'SCRAPER_UPDATE_INTERVAL',
    section: 'Catalogue',
    kind: seconds(60),
    default: '86400',
    doc: 'How often the lists of channels are read.',
  },
  epgSources: {
    env: 'EPG_SOURCES',
    section: 'Catalogue',
    kind: webAddressesOrFiles,
    default: '',
    unset: 'none',
    doc: 'Programme guides in XMLTV to read, the preferred one first; those that are added by hand are read as well. Files have to lie in DATA_DIR.',
  },
  epgUpdateIntervalMs: {
    env: 'EPG_UPDATE_INTERVAL',
    section: 'Catalogue',
    kind: seconds(60),
    default: '86400',
    doc: 'How often the programme guides are read.',
  },
  epgPastDays: {
    env: 'EPG_PAST_DAYS',
    section: 'Catalogue',
    kind: whole(0, 31),
    default: '1',
    doc: 'How many days programmes are kept after they ended.',
  },
  epgFutureDays: {
    env: 'EPG_FUTURE_DAYS',
    section: 'Catalogue',
    kind: whole(1, 60),
    default: '14',
    doc: 'How many days ahead programmes are kept.',
  },
  epgLanguages: {
    env: 'EPG_LANGUAGES',
    section: 'Catalogue',
    kind: languages,
    default: '',
    unset: "each guide's first one",
    doc: 'Languages to prefer where a guide has texts in several, the best first.',
  },
  epgMaxBytes: {
    env: 'EPG_MAX_BYTES',
    section: 'Catalogue',
    kind: mebibytes(1),
    default: '1G',
    doc: 'The most that a programme guide may have, unpacked.',
  },
  epgAcceptTruncated: {
    env: 'EPG_ACCEPT_TRUNCATED',
    section: 'Catalogue',
    kind: flag,
    default: 'false',
    doc: 'Whether a programme guide that ends in the middle is used as far as it goes; else the one before it is kept.',
  },
  databaseUrl: {
    env: 'DATABASE_URL',
    section: 'Catalogue',
    kind: text('an SQLite database such as sqlite:///./data/sluice.db', /^sqlite:.+$/),
    unset: 'sluice.db in DATA_DIR',
    doc: 'Database of the catalogue; four slashes begin an absolute path.',
  },

  xtreamNullExpiry: {
    env: 'XTREAM_NULL_EXPIRY',
    section: 'Xtream API',
    kind: flag,
    default: 'false',
    doc: 'Whether accounts that never expire say null for their date, instead of one in 2038; some players stumble over null.',
  },
} as const satisfies Record<string, Option>;

type Options = typeof OPTIONS;
type Value<O> = O extends { kind: Kind<infer T> } ? T : never;

/** The fields that the table alone decides. A key without a default is undefined until it is set. */
export type Settings = {
  readonly [Field in keyof Options]: Options[Field] extends { default: string }
    ? Value<Options[Field]>
    : Value<Options[Field]> | undefined;
};

/** The configuration of one gateway: plain frozen data. */
export interface Config extends Settings {
  /** Origins of the engines; none means the built-in demo. */
  readonly engines: readonly string[];
}
