/** Tables that are made once and written as text for a terminal or as Markdown for a page. */

export interface Table {
  title: string;
  /** A sentence or two on how to read it. */
  note: string;
  header: string[];
  rows: string[][];
  /** What a cell has no room for. */
  footnotes: string[];
}

/** A number with so many digits behind the point, or a dash where nothing was measured. */
export function figure(value: number | null, digits = 1): string {
  return value === null ? '–' : value.toFixed(digits);
}

function widths(table: Table): number[] {
  return table.header.map((head, column) => Math.max(head.length, ...table.rows.map(row => row[column]?.length ?? 0)));
}

/** Columns lined up: the first to the left, figures to the right. */
export function asText(table: Table): string {
  const wide = widths(table);
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(wide[column] ?? 0) : cell.padStart(wide[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = wide.map(width => '─'.repeat(width)).join('  ');
  return [table.title, table.note, '', line(table.header), rule, ...table.rows.map(line), ...table.footnotes, ''].join(
    '\n',
  );
}

/** A Markdown section with the table in it. */
export function asMarkdown(table: Table): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rule = table.header.map((_head, column) => (column === 0 ? '---' : '---:'));
  const footnotes = table.footnotes.flatMap(footnote => ['', footnote]);
  const rows = [table.header, rule, ...table.rows].map(line);
  return [`### ${table.title}`, '', table.note, '', ...rows, ...footnotes, ''].join('\n');
}
