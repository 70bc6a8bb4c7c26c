import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type StandIn, startStandIn } from '../helpers/stand-in.ts';
import type { Viewer } from '../helpers/viewer.ts';

const INFOHASH = '1'.repeat(40);
const PACKET_BYTES = 188;
const TABLE_PACKETS = 2;
/** Packets that are searched for to find where two viewers of one stream overlap. */
const PROBE_PACKETS = 20;

describe('handoff and relay', () => {
  const engines: StandIn[] = [];
  const gateways: TestGateway[] = [];

  beforeEach(async () => {
    for (const transport of ['handoff', 'relay']) {
      // A stand-in's packets depend on nothing but their place in the stream, so two of them send the same.
      const engine = await startStandIn();
      engine.putContent(INFOHASH, { kind: 'clip' });
      engines.push(engine);
      gateways.push(await startGateway({ ACESTREAM_ENGINES: engine.url, TRANSPORT: transport }));
    }
  });

  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.close();
    for (const engine of engines.splice(0)) await engine.close();
  });

  it('give the same answer, byte for byte', async () => {
    const viewers = gateways.map(gateway => gateway.watch(`infohash=${INFOHASH}`, { keep: true })) as [Viewer, Viewer];
    await Promise.all(viewers.map(viewer => viewer.more(2_500)));
    for (const viewer of viewers) viewer.leave();
    const [handoff, relay] = viewers;
    expect(relay.head).toBe(handoff.head);
    const bodies = viewers.map(viewer => viewer.body.subarray(TABLE_PACKETS * PACKET_BYTES)) as [Buffer, Buffer];
    // Whoever began later is found in the other.
    const overlap = ([a, b]: [Buffer, Buffer]): number => a.indexOf(b.subarray(0, PROBE_PACKETS * PACKET_BYTES));
    const reversed: [Buffer, Buffer] = [bodies[1], bodies[0]];
    const [longer, later] = overlap(bodies) >= 0 ? bodies : reversed;
    const at = overlap([longer, later]);
    expect(at).toBeGreaterThanOrEqual(0);
    const common = Math.min(longer.length - at, later.length);
    expect(common).toBeGreaterThan(1_000 * PACKET_BYTES);
    expect(longer.subarray(at, at + common).equals(later.subarray(0, common))).toBe(true);
  });
});
