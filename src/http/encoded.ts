/** Sends bodies that exist in two encodings. */
import type { Context } from 'hono';
import type { AppEnv } from './app-env.ts';

/** Whether the client takes gzip. */
export function acceptsGzip(c: Context<AppEnv>): boolean {
  const header = c.req.header('accept-encoding') ?? '';
  return header.split(',').some(part => {
    const [coding = '', ...params] = part.split(';').map(text => text.trim().toLowerCase());
    const isRefused = params.some(param => /^q=0(\.0*)?$/.test(param));
    return (coding === 'gzip' || coding === 'x-gzip' || coding === '*') && !isRefused;
  });
}

/** Bytes that nobody shares with other threads, as the framework wants them. */
type Bytes = Uint8Array<ArrayBuffer>;

/** Sends a body, compressed if the client takes it so and it is worth it. */
export async function sendEncoded(
  c: Context<AppEnv>,
  { plain, gzip }: { plain: Uint8Array; gzip: () => Promise<Uint8Array> | undefined },
  contentType: string,
): Promise<Response> {
  c.header('Content-Type', contentType);
  c.header('Vary', 'Accept-Encoding', { append: true });
  const compressed = acceptsGzip(c) ? await gzip() : undefined;
  if (compressed === undefined) return c.body(plain as Bytes);
  c.header('Content-Encoding', 'gzip');
  return c.body(compressed as Bytes);
}
