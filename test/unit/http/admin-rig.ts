import type { HttpBindings } from '@hono/node-server';
import { Admins } from '../../../src/auth/admins.ts';
import { HashQueue } from '../../../src/auth/hash-queue.ts';
import { Tokens } from '../../../src/auth/tokens.ts';
import { CatalogEvents } from '../../../src/catalog/catalog-events.ts';
import { Categories } from '../../../src/catalog/categories.ts';
import { Channels } from '../../../src/catalog/channels.ts';
import { Imports, type JobRunner } from '../../../src/catalog/imports.ts';
import { settingsOf } from '../../../src/config/settings.ts';
import { problemSchema } from '../../../src/http/api/problem.ts';
import { administration } from '../../../src/http/api/v1.ts';
import { type AppParts, createApp } from '../../../src/http/app.ts';
import { AccountRig } from '../accounts/account-rig.ts';
import { SessionRig } from '../sessions/session-rig.ts';

/** An answer of the administration, held against its schema already. */
export interface AdminAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what it has in it is for the test to say; its schema has been checked.
  body: any;
}

/** How a request is made. */
export interface AdminCall {
  json?: unknown;
  headers?: Record<string, string>;
  /** Who asks; the administrator unless told otherwise, nobody for null. */
  bearer?: string | null;
  from?: string;
}

interface Described {
  type: string;
  route: {
    method: string;
    path: string;
    responses: Record<string, { content?: Record<string, { schema: { parse(value: unknown): unknown } }> }>;
  };
}

/** The real administration over a real database. */
export class AdminRig {
  readonly accounts = new AccountRig();
  readonly sessions = new SessionRig();
  readonly events = new CatalogEvents();
  readonly categories = new Categories(this.accounts.database, this.events);
  readonly channels = new Channels(this.accounts.database, this.events);
  /** What jobs are asked for; the test answers. */
  job: JobRunner['run'] = () => new Promise(() => {});
  readonly imports = new Imports({
    database: this.accounts.database,
    databasePath: this.accounts.file,
    jobs: { run: (name, request, options) => this.job(name, request, options) },
    events: this.events,
    observer: { importFinished: () => {}, importCrashed: () => {} },
    userAgent: 'test',
    folder: this.accounts.folder,
  });
  readonly tokens = new Tokens(this.accounts.database, this.accounts.late);
  readonly parts: AppParts;
  readonly app: ReturnType<typeof createApp>;
  readonly routes: Described['route'][];

  constructor(parts: Partial<AppParts> = {}) {
    this.parts = {
      accounts: this.accounts.accounts,
      sessions: this.sessions.sessions,
      tokens: this.tokens,
      admins: new Admins(this.accounts.database, 'admin', new HashQueue()),
      categories: this.categories,
      channels: this.channels,
      imports: this.imports,
      settings: settingsOf({ MAX_STREAMS: '7' }, {}),
      engines: { status: () => [], waiting: 0 },
      login: { verify: (_: unknown, given: string) => Promise.resolve(given === 'secret') },
      metrics: { request: () => {} },
      log: { debug: () => {}, error: (_: unknown, text: string) => console.error(text, _) },
      trustedProxies: [],
      aceAllow: [],
      health: { version: 'test', ready: () => true },
      ...parts,
    } as unknown as AppParts;
    this.app = createApp(this.parts);
    const { definitions } = administration(this.parts).openAPIRegistry;
    this.routes = (definitions as unknown as Described[])
      .filter(({ type }) => type === 'route')
      .map(({ route }) => route);
  }

  /** Asks, and holds the answer against the schema that describes it. */
  async call(
    method: string,
    path: string,
    { json, headers, bearer = 'secret', from }: AdminCall = {},
  ): Promise<AdminAnswer> {
    const incoming = { socket: { remoteAddress: from ?? '127.0.0.1' }, headers: {} };
    const request = {
      method,
      headers: {
        ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    };
    const answer = await this.app.request(path, request, { incoming } as unknown as HttpBindings);
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
    const body: unknown = isJson ? JSON.parse(text) : text;
    if (path.startsWith('/api/v1/') && method !== 'HEAD') this.#check(method, path, answer, body);
    return { status: answer.status, headers: answer.headers, body };
  }

  #check(method: string, path: string, { status, headers }: Response, body: unknown): void {
    if (status >= 400) {
      if (headers.get('content-type') !== 'application/problem+json')
        throw new Error(`${path} refused in another form`);
      problemSchema.strict().parse(body);
      return;
    }
    const plain = path.split('?')[0]!;
    const fits = (pattern: string): boolean => new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain);
    const same = this.routes.filter(route => route.method === method.toLowerCase() && fits(route.path));
    const route = same.find(({ path: exact }) => exact === plain) ?? same[0];
    const described = route?.responses[status];
    if (described === undefined) throw new Error(`${method} ${path} answered ${status}, which is not described`);
    described.content?.['application/json']?.schema.parse(body);
  }

  async close(): Promise<void> {
    await this.imports.close();
    this.sessions.sessions.close();
    await this.accounts.close();
  }
}
