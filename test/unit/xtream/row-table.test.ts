import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RowTableWriter, selectRows } from '../../../src/xtream/row-table.ts';

interface Sample {
  text: string;
  category: number;
}

function tableOf(rows: readonly Sample[]) {
  const writer = new RowTableWriter({ head: '[', separator: ',', tail: ']' });
  for (const [id, { text, category }] of rows.entries()) writer.add(JSON.stringify(text), id, category);
  return writer.finish();
}

const parse = (bytes: Uint8Array): string[] => JSON.parse(Buffer.from(bytes).toString('utf8')) as string[];
const samples = fc.array(
  fc.record({ text: fc.string({ unit: 'grapheme' }), category: fc.integer({ min: 1, max: 4 }) }),
);

describe('a table of rows', () => {
  it('is the whole list as it stands', () => {
    fc.assert(
      fc.property(samples, rows => {
        expect(parse(tableOf(rows).bytes)).toEqual(rows.map(({ text }) => text));
      }),
    );
  });

  it('gives the rows of some categories, in order, from any place on and as many as wanted', () => {
    const small = fc.integer({ min: 0, max: 12 });
    const chosen = fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 5 })));
    fc.assert(
      fc.property(samples, chosen, small, small, (rows, categories, offset, limit) => {
        const selection = { categories: categories === null ? null : new Set(categories), offset, limit };
        const list = selectRows(tableOf(rows), selection, ',');
        const fitting = rows.filter(({ category }) => categories?.includes(category) ?? true);
        const expected = fitting.slice(offset, limit === 0 ? undefined : offset + limit);
        expect(parse(list)).toEqual(expected.map(({ text }) => text));
      }),
    );
  });

  it('grows beyond its first piece of memory', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => ({ text: `${i}`.padEnd(500, 'ñ'), category: i % 2 }));
    const table = tableOf(rows);
    expect(parse(table.bytes)).toHaveLength(3000);
    expect(parse(selectRows(table, { categories: new Set([1]) }, ','))).toHaveLength(1500);
  });
});
