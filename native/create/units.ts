// Which translation units a diff reaches: those whose main file it touches, and those that include what it touches.

import type { CompileCommand } from "./types.ts";

/** One compilation that the diff reaches. The same file compiled twice with different flags is two units. */
export interface TranslationUnit {
  readonly command: CompileCommand;
  /** Path of the main source file relative to the source root. */
  readonly unit: string;
  /** The main source file as the compile command spells it: DW_AT_name of the unit. */
  readonly spelled: string;
  /** The touched files that this unit consists of, relative to the source root. */
  readonly touched: readonly string[];
}

/** Chooses among the units found, before anything is compiled. */
export type UnitFilter = (units: readonly TranslationUnit[]) => readonly TranslationUnit[] | Promise<readonly TranslationUnit[]>;
