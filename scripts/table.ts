// Tables for terminals and logs: the first column to the left, figures to the right.

export function formatTable(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = (cells[0] ?? []).map((_cell, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join("  ").trimEnd()).join("\n");
}

const pad = (cell: string, width: number, column: number): string => (column === 0 ? cell.padEnd(width) : cell.padStart(width));

/** `1234567` as `1,234,567`. */
export const formatCount = (count: number): string => count.toLocaleString("en-US");
