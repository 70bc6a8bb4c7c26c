import { type Context, Hono } from 'hono';
import { type Action, actionOf } from '../../../xtream/actions.ts';
import {
  type Guest,
  legacyGuide,
  liveCategories,
  liveStreams,
  loginAnswer,
  panel,
  shortGuide,
  wholeGuide,
} from '../../../xtream/answers.ts';
import { encodedBody } from '../../../xtream/lists.ts';
import { REFUSED } from '../../../xtream/login.ts';
import type { Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import { sendEncoded } from '../../encoded.ts';
import { pageOrigin } from './cors.ts';
import { credentialsIn, paramsOf, smallBody, verify } from './guest.ts';
import type { OriginOf } from './origin.ts';

const JSON_TYPE = 'application/json';

type Answer = (c: Context<AppEnv>, guest: Guest) => Response | Promise<Response>;

async function act(c: Context<AppEnv>, xtream: Xtream, action: Action, guest: Guest): Promise<Response> {
  switch (action) {
    case 'get_live_categories':
      return c.json(liveCategories(xtream, guest));
    case 'get_live_streams':
      return sendEncoded(c, await liveStreams(xtream, guest), JSON_TYPE);
    case 'get_vod_categories':
    case 'get_series_categories':
    case 'get_vod_streams':
    case 'get_series':
      return c.json([]);
    case 'get_vod_info':
      return c.json({ info: {}, movie_data: {} });
    case 'get_series_info':
      return c.json({ seasons: [], info: {}, episodes: {} });
    case 'get_short_epg':
      return c.json(shortGuide(xtream, guest));
    case 'get_simple_data_table':
      return c.json(wholeGuide(xtream, guest));
    case 'get_epg':
      return c.json(legacyGuide(xtream, guest));
    default:
      return action satisfies never;
  }
}

/** The JSON API: login, categories, channels and programmes. */
export function playerApiRoutes(xtream: Xtream, originOf: OriginOf): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  /** @param withoutAction what answers a login, and every action that nobody knows */
  const answering =
    (withoutAction: Answer) =>
    async (c: Context<AppEnv>): Promise<Response> => {
      c.header('Cache-Control', 'no-store');
      if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'Content-Type': JSON_TYPE });
      const params = await paramsOf(c);
      const credentials = credentialsIn(params);
      const verdict = await verify(c, xtream.logins, credentials);
      if (verdict.kind === 'refused') return c.json(REFUSED);
      if (verdict.kind === 'throttled')
        return c.json(REFUSED, 429, { 'Retry-After': String(verdict.retryAfterSeconds) });
      const { account, standing } = verdict;
      const guest = { credentials, account, standing, params };
      const action = actionOf(params('action'));
      return action === undefined ? withoutAction(c, guest) : act(c, xtream, action, guest);
    };

  const player = answering((c, guest) => c.json(loginAnswer(xtream, guest, originOf(c))));
  const older = answering(async (c, guest) =>
    sendEncoded(c, encodedBody(await panel(xtream, guest, originOf(c))), JSON_TYPE),
  );
  for (const path of ['/player_api.php', '/panel_api.php', '/xtream']) app.use(path, pageOrigin, smallBody);
  app.get('/player_api.php', player);
  app.post('/player_api.php', player);
  app.get('/xtream', player);
  app.post('/xtream', player);
  app.get('/panel_api.php', older);
  app.post('/panel_api.php', older);
  return app;
}
