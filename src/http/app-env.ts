import type { HttpBindings } from '@hono/node-server';
import type { Client } from './client-address.ts';

/** What handlers find in their context. */
export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    client: Client;
    /** The request comes from this machine itself. */
    loopback: boolean;
    /** An administrator is logged in. */
    admin: boolean;
  };
}
