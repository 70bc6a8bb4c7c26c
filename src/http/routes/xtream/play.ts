import { type Context, Hono } from 'hono';
import { SluiceError } from '../../../shared/errors.ts';
import type { Credentials } from '../../../xtream/login.ts';
import { mayWatch, type Standing, type XtreamAccount, type XtreamChannel } from '../../../xtream/ports.ts';
import type { Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import { anyOrigin, onlyGet, preflight, watch } from '../../watching.ts';
import { credentialsIn, paramsOf, refused, throttled, verify } from './guest.ts';

const INACTIVE: Readonly<Record<Exclude<Standing, 'active'>, string>> = {
  expired: 'This account has expired.',
  disabled: 'This account is disabled.',
  banned: 'This account is banned.',
};

/** What a player wants to watch, and as what; an empty format is the usual one. */
interface Wanted {
  channelId: number;
  format: string;
}

/** Reads `101`, `101.ts` and the like. */
function parseFile(file: string): Wanted {
  const [id = '', format = ''] = file.split('.');
  return { channelId: Number(id), format: format.toLowerCase() };
}

/** The routes that players watch by. */
export function playRoutes(xtream: Xtream): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  const channelFor = (account: XtreamAccount, channelId: number): XtreamChannel => {
    const channel = xtream.catalog.channel(channelId);
    if (!channel?.enabled || !mayWatch(account, channel.categoryId))
      throw new SluiceError('channel_not_found', 'There is no such channel, or not for this account.');
    return channel;
  };

  const play = async (c: Context<AppEnv>, credentials: Credentials, wanted: Wanted): Promise<Response> => {
    const verdict = await verify(c, xtream.logins, credentials);
    if (verdict.kind === 'throttled') return throttled(c, verdict.retryAfterSeconds);
    if (verdict.kind === 'refused') throw refused();
    const { account, standing } = verdict;
    if (standing !== 'active') throw new SluiceError('account_inactive', INACTIVE[standing]);
    if (wanted.format !== '' && wanted.format !== 'ts')
      throw new SluiceError('format_not_served', 'Channels are served as MPEG-TS only; ask for .ts instead.');
    if (!account.formats.includes('ts'))
      throw new SluiceError('format_not_served', 'This account may not watch MPEG-TS, and nothing else is served.');
    const { id, name } = channelFor(account, wanted.channelId);
    return watch(
      c,
      (socket, admission) =>
        xtream.sessions.begin({ account, channelId: id, channelName: name, format: 'ts', socket, ...admission }),
      () => xtream.catalog.specFor(id),
    );
  };

  const byPath = (c: Context<AppEnv>): Promise<Response> => {
    const { username = '', password = '', file = '' } = c.req.param() as Record<string, string>;
    return play(c, { username, password }, parseFile(file));
  };

  const noArchive = (): never => {
    throw new SluiceError('archive_not_served', 'There is no catch-up here: channels can be watched live only.');
  };

  const short = '/:username/:password/:file{[0-9]+(?:[.][0-9A-Za-z]+)?}';
  for (const path of [`/live${short}`, short, '/streaming/*', '/timeshift/*', '/timeshifts/*']) {
    app.use(path, anyOrigin);
    app.options(path, preflight);
  }
  app.get('/streaming/live.php', async c => {
    const params = await paramsOf(c);
    const wanted = parseFile(`${params('stream') ?? ''}.${params('extension') ?? ''}`);
    return play(c, credentialsIn(params), wanted);
  });
  app.get('/streaming/timeshift.php', noArchive);
  app.get('/timeshift/:username/:password/:duration/:start/:file', noArchive);
  app.get('/timeshifts/:username/:password/:duration/:file/:start', noArchive);
  app.get('/live/:username/:password/:file{[0-9]+(?:[.][0-9A-Za-z]+)?}', byPath);
  app.get('/:username/:password/:file{[0-9]+(?:[.][0-9A-Za-z]+)?}', byPath);
  for (const path of [`/live${short}`, short]) app.all(path, onlyGet);
  return app;
}
