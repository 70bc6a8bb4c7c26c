import { Hono } from 'hono';
import type { Xtream } from '../../../xtream/xtream.ts';
import type { AppEnv } from '../../app-env.ts';
import type { Cidr } from '../../client-address.ts';
import { publicOriginOf } from '../../public-origin.ts';
import { guideRoutes } from './guide.ts';
import type { OriginOf } from './origin.ts';
import { playRoutes } from './play.ts';
import { playerApiRoutes } from './player-api.ts';
import { playlistRoutes } from './playlist.ts';

/** What surrounds the Xtream routes. */
export interface XtreamRouteParts {
  xtream: Xtream;
  /** Where players reach the gateway, if the operator says so. */
  publicUrl: string | undefined;
  trustedProxies: readonly Cidr[];
}

/** Everything that Xtream players ask for. The last routes take any name in their first segment: mount these last. */
export function xtreamRoutes({ xtream, publicUrl: configured, trustedProxies }: XtreamRouteParts): Hono<AppEnv> {
  const originOf: OriginOf = c => publicOriginOf(c.env.incoming, { configured, trustedProxies });
  const app = new Hono<AppEnv>();
  app.route('/', playerApiRoutes(xtream, originOf));
  app.route('/', playlistRoutes(xtream, originOf));
  app.route('/', guideRoutes(xtream));
  app.route('/', playRoutes(xtream));
  return app;
}
