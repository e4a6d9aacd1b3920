// Aligned columns of plain text. The last column is not padded, so that lines carry no trailing blanks.

/** Rows under a head, two spaces apart; a row shorter than the head is filled with nothing. */
export function alignColumns(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines.map((line) =>
    widths.map((width, column) => (line[column] ?? "").padEnd(width)).join("  ").trimEnd());
}

/** `1 function`, `2 functions`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
