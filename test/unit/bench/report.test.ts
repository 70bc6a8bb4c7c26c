import { describe, expect, it } from '@jest/globals';
import { fanOutRows, markdown, tables } from '../../../benchmarks/report.ts';
import { fanOutSample, loadResult, results } from './samples.ts';

describe('fanOutRows', () => {
  it('takes the median over the rounds', () => {
    const rows = fanOutRows([4, 30, 6].map((cpuPercent, round) => fanOutSample({ round, cpuPercent })));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ cpuPercent: 6, p99Ms: 8 });
  });

  it('compares processor time with the naive gateway and with the cheapest floor at the same number of viewers', () => {
    const rows = fanOutRows([
      fanOutSample({ cpuPercent: 6 }),
      fanOutSample({ variant: 'res-write', cpuPercent: 24 }),
      fanOutSample({ variant: 'floor-write', cpuPercent: 4 }),
      fanOutSample({ variant: 'floor-sendfile-20', cpuPercent: 3 }),
      fanOutSample({ variant: 'res-write', viewers: 400, cpuPercent: 90 }),
    ]);
    expect(rows[0]).toMatchObject({ cpuToBaseline: 0.25, cpuToFloor: 2 });
    expect(rows.at(-1)).toMatchObject({ cpuToBaseline: 1, cpuToFloor: null });
  });

  it('compares with nothing that fell behind or was refused', () => {
    const rows = fanOutRows([
      fanOutSample(),
      fanOutSample({ variant: 'res-write', cpuPercent: 99, deliveredShare: 0.6 }),
      fanOutSample({ variant: 'floor-write', refused: 'dropped bytes' }),
    ]);
    expect(rows[0]).toMatchObject({ cpuToBaseline: null, cpuToFloor: null });
  });

  it('gives no figures of a row when one of its rounds was refused', () => {
    const [row] = fanOutRows([fanOutSample(), fanOutSample({ round: 2, refused: '3 packets lost' })]);
    expect(row).toMatchObject({ cpuPercent: null, rssBytes: null, p50Ms: null, refused: '3 packets lost' });
  });

  it('says what each viewer beyond the first adds to memory', () => {
    const rows = fanOutRows([
      fanOutSample({ viewers: 1, rssBytes: 60_000_000 }),
      fanOutSample({ viewers: 101, rssBytes: 60_700_000 }),
    ]);
    expect(rows.map(row => row.rssPerViewerBytes)).toEqual([null, 7000]);
  });
});

describe('the report', () => {
  it('leaves out what was not measured', () => {
    expect(tables(results())).toEqual([]);
    expect(tables(results({ fanOut: [fanOutSample()] })).map(table => table.title)).toEqual([
      'Fan-out: one stream of 8 Mbit/s to N viewers',
    ]);
  });

  it('is Markdown with the machine, the figures, the refusals and the failures', () => {
    const text = markdown(
      results({
        fanOut: [
          fanOutSample({ viewers: 1, cpuPercent: 1, rssBytes: 60e6 }),
          fanOutSample({ variant: 'relay', refused: 'the load client was the bottleneck' }),
        ],
        failures: ['join, handoff: 2 packets lost'],
      }),
    );
    expect(text).toContain('Test CPU, 2 cores, 8 GiB, Linux 6, Node v20.19.0.');
    expect(text).toContain('| handoff | 1 | 1.0 | – | – | 2.0 | 8.0 | 60 | – | 100.0 |');
    expect(text).toContain('Refused: relay, 100 viewers: the load client was the bottleneck.');
    expect(text).toContain('- FAILED: join, handoff: 2 packets lost');
  });

  it('gives every row as many cells as the header has', () => {
    const refused = '1 packets lost';
    const slow = {
      variant: 'handoff' as const,
      stalledViewers: 10,
      cpuPercent: 5,
      rssBytes: 80e6,
      deliveredShare: 1,
      machineBusyShare: 0.3,
      leastDeliveredShare: null,
      load: loadResult(),
    };
    const route = {
      request: 'GET /',
      expectedStatus: 200,
      requestsPerSecond: 1,
      p99Ms: 1,
      answered: 1,
      non2xx: 0,
      unexpected: 0,
    };
    const join = { watching: 1, joins: 1, joinedOnTables: 1, joinedOnRandomAccess: 1, late: 0, defects: [] };
    const all = tables(
      results({
        fanOut: [fanOutSample(), fanOutSample({ variant: 'relay', refused })],
        slowViewers: [
          { ...slow, refused: null },
          { ...slow, refused },
        ],
        join: [{ variant: 'handoff', ...join, firstByteMs: [1], firstRandomAccessMs: [] }],
        routes: [route],
      }),
    );
    expect(all).toHaveLength(4);
    for (const table of all) for (const row of table.rows) expect(row).toHaveLength(table.header.length);
  });
});
