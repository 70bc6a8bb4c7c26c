import type { Exchange } from '../exchange.ts';
import { RawReader } from '../raw-reader.ts';
import { syntheticSource } from '../synthetic.ts';

/** `GET /raw[?bps=N]`: the stamped stream for measuring tools; any number of readers, each from its own first packet. */
export async function raw(exchange: Exchange): Promise<void> {
  const { pacer, options, rawReaders } = exchange.state;
  const bitsPerSecond = Number(exchange.query.get('bps') ?? options.bitsPerSecond);
  if (!(bitsPerSecond > 0)) return exchange.text(400, 'bps is not a positive number');
  const { socket } = exchange.req;
  const reader = new RawReader(socket, syntheticSource(bitsPerSecond));
  rawReaders.add(reader);
  pacer.add(reader);
  socket.once('close', () => {
    rawReaders.delete(reader);
    pacer.delete(reader);
  });
}
