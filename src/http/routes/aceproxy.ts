import { Hono } from 'hono';
import { SluiceError } from '../../shared/errors.ts';
import type { StreamSnapshot } from '../../shared/protocol.ts';
import type { StreamDirectory } from '../../viewers/stream-directory.ts';
import type { Viewers } from '../../viewers/viewers.ts';
import type { AppEnv } from '../app-env.ts';

/** The management routes of the original, with its field names. */
export function aceproxyRoutes({ directory, viewers }: { directory: StreamDirectory; viewers: Viewers }): Hono<AppEnv> {
  const app = new Hono<AppEnv>();

  const describe = (stream: StreamSnapshot, withClients: boolean) => ({
    stream_id: stream.key,
    infohash: stream.infohash ?? null,
    state: stream.state,
    is_active: stream.state === 'live',
    created_at: new Date(stream.createdAt).toISOString(),
    client_count: stream.readers,
    bytes_in: stream.bytesIn,
    packet_format: stream.packetFormat,
    log_bytes: stream.logBytes,
    log_seconds: Math.round(stream.logSeconds * 10) / 10,
    source: stream.source,
    sources: stream.sources,
    interruptions: stream.interruptions,
    ...(withClients && { engine: stream.origin ?? null, clients: directory.clientsOf(stream.key) }),
  });

  app.get('/api/aceproxy/stats', async c => {
    const streams = await directory.list();
    const { bytesIn, bytesOut } = directory.totals();
    return c.json({
      status: 'success',
      stats: {
        server_type: 'sluice',
        total_streams: streams.length,
        total_clients: viewers.count,
        bytes_in: bytesIn,
        bytes_out: bytesOut,
      },
    });
  });

  app.get('/api/aceproxy/streams', async c => {
    const streams = await directory.list();
    const described = streams.map(stream => describe(stream, c.var.admin));
    return c.json({ status: 'success', total_streams: streams.length, streams: described });
  });

  app.get('/api/aceproxy/streams/:id', async c => {
    const stream = await directory.find(c.req.param('id'));
    if (stream === undefined) throw new SluiceError('stream_not_found', 'There is no such stream.');
    return c.json({ status: 'success', stream: describe(stream, c.var.admin) });
  });

  app.delete('/api/aceproxy/streams/:id', async c => {
    const stream = await directory.find(c.req.param('id'));
    if (stream === undefined || !(await directory.close(stream.key)))
      throw new SluiceError('stream_not_found', 'There is no such stream.');
    return c.json({ status: 'success', stream_id: stream.key, clients_removed: stream.readers });
  });
  return app;
}
