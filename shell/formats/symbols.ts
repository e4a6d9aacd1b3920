// `symbols`: a line for each, by address.

import { formatAddress } from "../../native/mod.ts";
import type { SymbolsResult } from "../results.ts";
import { alignColumns } from "./columns.ts";

export function formatSymbols({ symbols }: SymbolsResult): string {
  if (symbols.length === 0) return "No symbol of that name";
  const rows = symbols.map(({ at, size, type, module, name }) => [formatAddress(at), `${size}`, type, module, name]);
  return alignColumns(["ADDRESS", "SIZE", "TYPE", "MODULE", "NAME"], rows).join("\n");
}
