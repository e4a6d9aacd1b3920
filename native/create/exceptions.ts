// Whether the process's own unwinder has to know the code of a patch.

import type { Inclusion } from "./include.ts";
import type { LinkedProgram } from "./program.ts";
import { unwindingOf } from "./unwinding.ts";

/** DW_LANG_C_plus_plus and its editions, Objective-C++. */
const languagesWithExceptions: ReadonlySet<number> = new Set([0x04, 0x11, 0x19, 0x1a, 0x21, 0x2b, 0x2c]);

/** Functions that walk the stack of their callers for a C program: `backtrace`, what ends a thread by force. */
const stackWalkers: readonly string[] = ["backtrace", "_Unwind_Backtrace", "pthread_cancel", "pthread_exit"];

/**
 * Must the process's own unwinder know the patch's code? `required`: an exception may come through it, and would end the
 * process otherwise. `wanted`: the program only looks at its stack.
 */
export function unwindingFor({ program, dynamicByName }: LinkedProgram, { pieces }: Inclusion): "required" | "wanted" | undefined {
  const mayThrow = ({ language, producer }: { readonly language: number; readonly producer: string }): boolean =>
    languagesWithExceptions.has(language) && !producer.includes("-fno-exceptions");
  const hasPersonality = pieces.some(({ unit, section }) =>
    (unwindingOf(unit.comparison.patched).bySection.get(section.index) ?? []).some(({ cie }) => cie.relocations.length > 0));
  // C code stands between C++ caller and callee in a program that mixes them.
  if (hasPersonality || program.units.some(mayThrow)) return "required";
  return stackWalkers.some((name) => dynamicByName.has(name)) ? "wanted" : undefined;
}
