// What other systems for patching running programs say that they cannot do.

/** Every limit, in the words of who states it. */
export const limitRows = {
  X1: "each program must be adapted for `__LINE__` and `__FILE__`",
  X2: "one ELF file per patch",
  X3: "several patches on the same program, incremental patches",
  X4: "no patch query",
  X5: "no automatic loading",
  X6: "dynamic libraries",
  X7: "static functions, same-named files and statics in different folders",
  X8: "static variables of files and functions",
  X9: "inline functions",
  X10: "header files",
  X11: "members of structures",
  X12: "global variables: new ones, changed initial values, changed constants",
  X13: "thread-local variables",
  X14: "functions and data of libraries that the program did not use",
  X15: "C++ exceptions, C and C++ mixed",
  X16: "indirect functions (ifunc)",
  X17: "assembly and vector instructions",
  X18: "arguments or return type of a function changed",
  X19: "file names that are no C identifiers",
  X20: "functions that never return or run at start-up only",
  X21: "compilers other than gcc",
  X22: "cross compilers",
  X23: "compiler options: -g3, optimisation, sections, COMDAT groups, LTO",
  X24: "one process at a time",
  X25: "the program must be started in a special way",
  X26: "source, flags or compiler that are not those of the running program",
} as const;

export type LimitRow = keyof typeof limitRows;
