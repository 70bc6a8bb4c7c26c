import type { Exchange } from '../exchange.ts';

const DEFAULT_PAGE_SIZE = 10;
const MAX_PAGE_SIZE = 200;

/** The `result` of a search: contents whose name contains the query, a page of them. They are named by infohash. */
export function searchResult({ query, state: { contents, counts } }: Exchange): Record<string, unknown> {
  counts.searches++;
  const wanted = (query.get('query') ?? '').toLowerCase();
  const size = Math.min(Number(query.get('page_size')) || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
  const first = (Number(query.get('page')) || 0) * size;
  const found = contents.list().filter(({ name }) => name.toLowerCase().includes(wanted));
  const results = found.slice(first, first + size).map(({ name, infohash, bytesPerSecond }) => ({
    name,
    icons: [],
    items: [
      {
        infohash,
        name,
        status: 2,
        availability: 1,
        availability_updated_at: Math.floor(Date.now() / 1000),
        categories: ['other'],
        languages: ['eng'],
        countries: ['int'],
        bitrate: Math.round(bytesPerSecond),
      },
    ],
  }));
  return { total: found.length, time: 0.001, results };
}

/** `GET /search`: no token needed. */
export async function search(exchange: Exchange): Promise<void> {
  exchange.json({ result: searchResult(exchange), error: null });
}
