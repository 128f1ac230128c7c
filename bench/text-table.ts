/** Rows as lines for a terminal: the first `names` columns stand left, the figures behind them right. */
export function alignColumns(rows: readonly (readonly string[])[], names: number): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const align = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column < names ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => row.map(align).join('  ')).join('\n');
}

/** Whether a demand is met, on one line. */
export function verdict(isMet: boolean, what: string): string {
  return `${isMet ? 'met    ' : 'NOT MET'}  ${what}`;
}
