import type { Context } from 'hono';
import type { PublicOrigin } from '../../../xtream/login.ts';
import type { AppEnv } from '../../app-env.ts';

/** Where the sender of a request reaches the gateway. */
export type OriginOf = (c: Context<AppEnv>) => PublicOrigin;
