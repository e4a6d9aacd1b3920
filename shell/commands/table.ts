// The subcommands, in the order of the help. To add one: a file beside this one, a line here, its result in
// results.ts; the compiler then asks for the two formats.

import type { CommandEntry } from "./command.ts";

export const commandTable: readonly CommandEntry[] = [
  { name: "build", summary: "make a patch image from source diffs", usesHelper: true, load: async () => (await import("./build.ts")).build },
  { name: "capture", summary: "run a build and write its compile_commands.json", load: async () => (await import("./capture.ts")).capture },
  { name: "inspect", summary: "say what a patch image holds", load: async () => (await import("./inspect.ts")).inspect },
  { name: "apply", summary: "put a patch into a running process", load: async () => (await import("./apply.ts")).apply },
  { name: "watch", summary: "put a patch into every process of a program, as it starts", load: async () => (await import("./watch.ts")).watch },
  { name: "revert", summary: "take a patch back out of a process", load: async () => (await import("./revert.ts")).revert },
  { name: "load", summary: "put a patch into a process without activating it", load: async () => (await import("./load.ts")).load },
  { name: "activate", summary: "redirect the functions to a patch that is loaded", load: async () => (await import("./activate.ts")).activate },
  { name: "deactivate", summary: "put the old functions back and keep the patch loaded", load: async () => (await import("./deactivate.ts")).deactivate },
  { name: "unload", summary: "give the memory of an inactive patch back", load: async () => (await import("./unload.ts")).unload },
  { name: "list", summary: "list the patches of one process or of all", load: async () => (await import("./list.ts")).list },
  { name: "verify", summary: "compare a process with what its ledger says", load: async () => (await import("./verify.ts")).verify },
  { name: "recover", summary: "finish or undo what an interrupted run began", load: async () => (await import("./recover.ts")).recover },
  { name: "threads", summary: "list the threads of a process", load: async () => (await import("./threads.ts")).threads },
  { name: "stack", summary: "show where each thread of a process is", load: async () => (await import("./stack.ts")).stack },
  { name: "symbols", summary: "find functions and variables in a process", load: async () => (await import("./symbols.ts")).symbols },
  { name: "debug", summary: "let gdb and perf see the patches of a process or core dump", load: async () => (await import("./debug.ts")).debug },
  { name: "patchability", summary: "say whether functions can be patched, and why not", load: async () => (await import("./patchability.ts")).patchability },
  { name: "run", summary: "run a recipe", load: async () => (await import("./run.ts")).run },
  { name: "completion", summary: "print a script that lets bash complete command lines", load: async () => (await import("./completion.ts")).completion },
];
