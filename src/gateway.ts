/** The composition root: builds the parts in order and closes them in reverse. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Access } from './access.ts';
import type { Accounts } from './accounts/accounts.ts';
import type { Credentials } from './accounts/credentials.ts';
import { adminPasswordHash } from './auth/admin-login.ts';
import type { Admins } from './auth/admins.ts';
import type { Tokens } from './auth/tokens.ts';
import { CatalogEvents } from './catalog/catalog-events.ts';
import { Categories } from './catalog/categories.ts';
import { Channels } from './catalog/channels.ts';
import type { Database } from './catalog/database.ts';
import { databasePath } from './catalog/database-path.ts';
import { Imports } from './catalog/imports.ts';
import { ShardPool } from './cluster/shard-pool.ts';
import type { Config } from './config/load.ts';
import type { Setting } from './config/settings.ts';
import { shardSettings } from './config/shard-settings.ts';
import { Demo } from './demo/demo.ts';
import { DEMO_LOGIN, DemoCatalogue } from './demo/demo-catalogue.ts';
import { EnginePool } from './engine/engine-pool.ts';
import { Resolver } from './engine/resolver.ts';
import { Guide } from './guide/guide.ts';
import type { ReadingOptions } from './guide/guide-job.ts';
import { openHome } from './home.ts';
import { createApp } from './http/app.ts';
import { parseCidrs } from './http/client-address.ts';
import { HttpServer } from './http/server.ts';
import { CpuPool } from './jobs/cpu-pool.ts';
import type * as Libc from './native/libc.ts';
import { Journal } from './observability/journal.ts';
import type { Logger } from './observability/log.ts';
import { Metrics } from './observability/metrics.ts';
import { Sessions } from './sessions/sessions.ts';
import { Budget, SEGMENT_BYTES } from './shared/budget.ts';
import type { ShardNotification } from './shared/protocol.ts';
import { ReaderTable } from './shared/reader-table.ts';
import { handOff, relay } from './viewers/handoff.ts';
import { StreamDirectory } from './viewers/stream-directory.ts';
import { Viewers } from './viewers/viewers.ts';
import { XtreamFront } from './xtream-front.ts';

/** What a gateway is started with. */
export interface GatewayOptions {
  config: Config;
  /** What administrators are shown of the configuration. */
  settings?: readonly Setting[];
  log: Logger;
  version: string;
  /** Gets a made-up administrator's password, the only time it is shown. */
  onAdminPassword: (password: string) => void;
  /** Told when the gateway can't go on; the process should end. */
  onFatal: (cause: Error) => void;
}

/** Time kept back from the grace period for what follows the shards. */
const CLOSING_RESERVE_MS = 250;
const DAY_S = 86_400;
/** How long the server of a guide may take to answer, or bring no byte. Some make it when they are asked. */
const GUIDE_TIMEOUT_MS = 60_000;

/** Everything that runs, from listener to shards. */
export class Gateway {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #libc: typeof Libc | undefined;
  readonly #demo: Demo | undefined;
  readonly #demoCatalogue: DemoCatalogue | undefined;
  readonly #budget: Budget;
  readonly #engines: EnginePool;
  readonly #shards: ShardPool;
  readonly #viewers: Viewers;
  readonly #server: HttpServer;
  readonly #database: Database;
  readonly #access: Access;
  readonly #xtream: XtreamFront;
  readonly #jobs = new CpuPool();
  /** Not behind those that wait for servers: players ask for what these make. */
  readonly #guideJobs = new CpuPool();
  /** Tells of every change of the catalogue. */
  readonly catalogEvents = new CatalogEvents();
  readonly categories: Categories;
  readonly channels: Channels;
  readonly imports: Imports;
  readonly guide: Guide;
  readonly directory: StreamDirectory;
  #closing: Promise<void> | undefined;
  /** Who of the viewers with an account watches what. */
  readonly sessions: Sessions;
  /** Port the gateway listens on. */
  port = 0;

  private constructor(
    options: GatewayOptions,
    libc: typeof Libc | undefined,
    demo: Demo | undefined,
    home: Database | DemoCatalogue,
    adminHash: string,
  ) {
    const { config, log, version, onFatal } = options;
    this.#config = config;
    this.#log = log;
    this.#libc = libc;
    this.#demo = demo;
    this.#demoCatalogue = home instanceof DemoCatalogue ? home : undefined;
    const database = home instanceof DemoCatalogue ? home.database : home;
    const file = home instanceof DemoCatalogue ? home.file : databasePath(config.databaseUrl, config.dataDir);
    if (home instanceof DemoCatalogue) home.onRolled = () => this.catalogEvents.changed();
    const metrics = new Metrics();
    const journal = new Journal(log, metrics);
    this.#database = database;
    this.#access = new Access({
      database,
      admin: { username: config.adminUsername, hash: adminHash },
      onLogin: facts => journal.login(facts),
      onLostNotes: error => log.warn({ err: error }, 'who logged in, and when, could not be written down'),
    });
    this.categories = new Categories(database, this.catalogEvents);
    this.channels = new Channels(database, this.catalogEvents);
    this.imports = new Imports({
      database,
      databasePath: file,
      jobs: this.#jobs,
      events: this.catalogEvents,
      observer: journal,
      userAgent: config.httpUserAgent,
      folder: config.dataDir,
    });
    this.guide = new Guide({
      database,
      databasePath: file,
      documentsFolder: path.join(config.dataDir, 'guide-documents'),
      jobs: { readings: this.#jobs, quick: this.#guideJobs },
      catalog: this.catalogEvents,
      events: journal,
      configured: config.epgSources,
      intervalS: Math.round(config.epgUpdateIntervalMs / 1000),
      reading: readingOptions(config),
    });
    const readers = new ReaderTable(config.maxViewers);
    this.#budget = new Budget({
      shards: config.shards,
      streams: config.maxStreams,
      segments: Math.floor(config.memoryBudget / SEGMENT_BYTES),
    });
    const engineUrls = !config.acestreamEnabled ? [] : demo === undefined ? config.engines : [demo.engineUrl];
    this.#engines = new EnginePool({
      urls: engineUrls,
      checkIntervalMs: config.engineHealthIntervalMs,
      limits: { maxStreams: config.engineMaxStreams, maxStarts: config.engineMaxStarts },
      events: journal,
      makeRoom: () => this.#shards.endLingering(),
    });
    this.#shards = new ShardPool({
      shards: config.shards,
      settings: shardSettings(config),
      readers,
      budget: this.#budget,
      createEpoll: libc?.createEpoll,
      events: {
        ready: shard => this.#viewers.attachAll(shard),
        died: (shard, cause) => {
          journal.shardDied(shard, cause);
          this.#reclaimMemory(shard);
          return this.#engines.leases.reclaim(shard);
        },
        failed: (shard, cause) => onFatal(new Error(`shard ${shard} can't be started: ${cause.message}`, { cause })),
        notification: (shard, notification) => {
          journal.shardNotification(shard, notification);
          this.#apply(shard, notification);
        },
        lease: (shard, request) => this.#engines.leases.lease(shard, request),
      },
    });
    this.#viewers = new Viewers(this.#shards, readers, libc === undefined ? relay : handOff(libc), {
      admitted: viewer => journal.viewerAdmitted(viewer),
      left: (viewer, reason, remaining) => {
        journal.viewerLeft(viewer, reason, readers.bytes(viewer.slot), readers.skips(viewer.slot), remaining);
        this.sessions.viewerLeft(viewer, reason);
      },
    });
    this.sessions = new Sessions({
      viewers: this.#viewers,
      table: readers,
      policy: config.sessionPolicy,
      events: journal,
    });
    this.accounts.onChange(event => this.sessions.accountChanged(event));
    metrics.observe({
      shards: this.#shards,
      engines: this.#engines,
      viewers: this.#viewers,
      budget: this.#budget,
      sessions: this.sessions,
      channels: () => this.channels.counts(),
      guide: this.guide,
    });
    const resolver = new Resolver(() => this.#engines.healthyClients());
    this.directory = new StreamDirectory(
      this.#shards,
      this.#engines,
      resolver,
      this.#viewers,
      readers,
      config.httpUserAgent,
    );
    this.#xtream = new XtreamFront({
      databasePath: file,
      events: this.catalogEvents,
      categories: this.categories,
      channels: this.channels,
      guide: this.guide,
      directory: this.directory,
      logins: this.credentials,
      sessions: this.sessions,
      timeZone: config.serverTimezone,
      nullExpiry: config.xtreamNullExpiry,
      log,
    });
    const app = createApp({
      login: this.#access.login,
      accounts: this.accounts,
      sessions: this.sessions,
      tokens: this.tokens,
      admins: this.admins,
      channels: this.channels,
      categories: this.categories,
      imports: this.imports,
      guide: this.guide,
      settings: options.settings ?? [],
      directory: this.directory,
      viewers: this.#viewers,
      engines: this.#engines,
      metrics,
      log,
      health: { version, ready: () => this.#closing === undefined && this.#shards.ready },
      trustedProxies: parseCidrs(config.trustedProxies),
      aceAllow: parseCidrs(config.aceAllow),
      httpSources: config.httpSources,
      httpUserAgent: config.httpUserAgent,
      xtream: this.#xtream.xtream,
      publicUrl: config.publicUrl,
    });
    this.#server = new HttpServer(app, {
      host: config.serverHost,
      port: config.serverPort,
      maxConnections: config.httpMaxConnections,
    });
  }

  /**
   * Builds and starts everything.
   * @throws Error when the address can't be listened on, or TRANSPORT=handoff is asked for where it can't work
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { config, log } = options;
    const libc = await loadLibc(config.transport, log);
    const hash = await adminPasswordHash(config.adminPassword, config.dataDir, options.onAdminPassword);
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    const isDemo = config.acestreamEnabled && config.engines.length === 0;
    const demo = isDemo ? await Demo.start() : undefined;
    const gateway = new Gateway(options, libc, demo, await openHome(config, demo), hash);
    gateway.#engines.start();
    gateway.#xtream.start();
    await gateway.#shards.start();
    try {
      gateway.port = await gateway.#server.listen();
    } catch (error) {
      await gateway.close();
      throw error;
    }
    gateway.imports.start(config.scraperUrls, config.scraperUpdateIntervalMs);
    gateway.guide.start();
    return gateway;
  }

  /** What the built-in demo shows; undefined when real engines are configured. */
  get demoContents(): Demo['contents'] | undefined {
    return this.#demo?.contents;
  }

  /** What players log in with while the catalogue is the demo's. */
  get demoLogin(): typeof DEMO_LOGIN | undefined {
    return this.#demoCatalogue && DEMO_LOGIN;
  }

  /** Viewers' logins. */
  get accounts(): Accounts {
    return this.#access.accounts;
  }

  /** Checks viewers' names and passwords. */
  get credentials(): Credentials {
    return this.#access.credentials;
  }

  /** Bearer tokens for scripts. */
  get tokens(): Tokens {
    return this.#access.tokens;
  }

  /** Administrators besides the one of the configuration. */
  get admins(): Admins {
    return this.#access.admins;
  }

  /** The shards, for fault tests. */
  get shards(): ShardPool {
    return this.#shards;
  }

  /** Ends everything in good order within the configured grace. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const beganMs = performance.now();
    const graceMs = Math.max(0, this.#config.shutdownGraceMs - CLOSING_RESERVE_MS);
    this.#log.info({ viewers: this.#viewers.count, graceMs }, 'shutting down');
    this.#server.stopAccepting();
    // Jobs stop as soon as they can: their next run does all of it again.
    const jobsEnded = Promise.all([this.imports.close(), this.guide.close()]);
    await this.#shards.close(graceMs);
    // A thread that had to be ended gives nothing back itself.
    for (const { index } of this.#shards.handles) this.#reclaimMemory(index);
    this.#viewers.close();
    this.sessions.close();
    this.#server.close();
    // All of them use the database, which closes last.
    const readersEnded = Promise.all([
      jobsEnded.then(() => Promise.all([this.#jobs.close(), this.#guideJobs.close()])),
      this.#access.close(),
      this.#xtream.close(),
    ]);
    const catalogClosed = readersEnded.then(() => (this.#demoCatalogue ?? this.#database).close());
    const ended = Promise.all([this.#engines.close(), this.#demo?.close(), catalogClosed]);
    // A thread must not be ended inside the database, so jobs get whatever the viewers have left of the grace.
    const leftMs = Math.max(0, graceMs - (performance.now() - beganMs)) + CLOSING_RESERVE_MS;
    await Promise.race([ended, delay(leftMs, undefined, { ref: false })]);
    this.#log.info('closed');
  }

  #reclaimMemory(shard: number): void {
    this.#budget.reclaim(shard, file => this.#libc?.freeMemoryFile(file, SEGMENT_BYTES));
  }

  #apply(shard: number, notification: ShardNotification): void {
    const { leases } = this.#engines;
    switch (notification.type) {
      case 'readerDetached':
        this.#viewers.detached(notification.readerId, notification.reason, notification.readers);
        break;
      case 'sessionOpened':
        leases.sessionOpened(shard, notification.leaseId, notification.infohash, notification.commandPath);
        break;
      case 'leaseFlowing':
        leases.flowing(shard, notification.leaseId);
        break;
      case 'leaseReturned':
        leases.returned(shard, notification.leaseId, notification.failure);
        break;
      case 'ready':
      case 'readerJoined':
      case 'readerSkipped':
      case 'streamState':
      case 'streamEvent':
      case 'streamInterrupted':
      case 'streamRecovered':
        break; // Only the journal cares.
      default:
        notification satisfies never;
    }
  }
}

/** How guides are read. Who may add one is an administrator, so they may be in the own network. */
function readingOptions(config: Config): ReadingOptions {
  return {
    languages: config.epgLanguages,
    pastS: config.epgPastDays * DAY_S,
    futureS: config.epgFutureDays * DAY_S,
    maxBytes: config.epgMaxBytes,
    acceptTruncated: config.epgAcceptTruncated,
    allowPrivate: true,
    folder: config.dataDir,
    userAgent: config.httpUserAgent,
    timeoutMs: GUIDE_TIMEOUT_MS,
  };
}

/** The native calls that handoff needs, or undefined where sockets are relayed. */
async function loadLibc(transport: Config['transport'], log: Logger): Promise<typeof Libc | undefined> {
  if (transport === 'relay') return undefined;
  try {
    if (process.platform !== 'linux') throw new Error(`handoff needs Linux, this is ${process.platform}`);
    return await import('./native/libc.ts');
  } catch (error) {
    if (transport === 'handoff') throw new Error('TRANSPORT=handoff does not work here', { cause: error });
    log.warn({ cause: (error as Error).message }, 'viewers are relayed, which costs more CPU than handing them off');
    return undefined;
  }
}
