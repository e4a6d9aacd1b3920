// What the live tests of the Loader begin with: answers-by-function in its three forms, running, and images that change
// what it answers.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileTarget, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { imageOf } from "./images.ts";
import type { Replacement } from "./images.ts";

export const forms = ["PIE", "non-PIE", "library"] as const;
export type Form = (typeof forms)[number];

/** A running program, and what its functions lie in. */
export interface Situation extends AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly program: string;
  readonly module: string;
  readonly kind: "program" | "library";
  readonly ask: () => Promise<string>;
  /** Says `word` and waits for a line. */
  readonly say: (word: string, reply: RegExp) => Promise<string>;
}

const identified = "-Wl,--build-id";

async function compileForm(form: Form): Promise<{ readonly program: string; readonly module: string; readonly kind: "program" | "library" }> {
  const name = "answers-by-function.c";
  if (form === "library") {
    const library = await compileTarget(name, { flags: ["-O1", "-fPIC", "-DLIBRARY"], link: ["-shared", identified] });
    const { program } = await compileTarget(name, { flags: ["-O1", "-DUSES_LIBRARY"], link: [identified, library.program, `-Wl,-rpath,${library.directory}`] });
    return { program, module: library.program, kind: "library" };
  }
  const flags = form === "PIE" ? ["-fPIE", "-fcf-protection"] : ["-fno-pie"];
  const { program } = await compileTarget(name, { flags: ["-O1", ...flags], link: [identified, form === "PIE" ? "-pie" : "-no-pie"] });
  return { program, module: program, kind: "program" };
}

export async function startAnswers(form: Form): Promise<Situation> {
  const { program, module, kind } = await compileForm(form);
  const target = await startTarget(program);
  const say = async (word: string, reply: RegExp): Promise<string> => {
    const from = target.lines.length;
    target.write(`${word}\n`);
    return target.line(reply, from);
  };
  return { target, pid: target.pid, program, module, kind, say, ask: () => say("ask", /^answers/), [Symbol.asyncDispose]: async () => void await target.stop() };
}

export const oldAnswers = "answers: 1 1 1 1 1 1 1 1";
export const newAnswers = "answers: 2 2 2 2 2 2 2 2";

/** Uses a live variable of the program, one of its own, a string, and a function of libc that is an indirect one. */
export const newAnswer = `
  #include <string.h>
  extern int calls;
  static int asked;
  __attribute__((noinline)) static const char *words(void) { return "two words"; }
  int answer(int thread) { calls++; asked += strlen(words()) == 9; return asked > 0 && thread < 1000 ? 2 : 3; }`;

/** A patch image of `source`, compiled as the program was. */
export function patchOf(situation: Pick<Situation, "module" | "kind">, name: string, source: string, functions: readonly string[], change: Partial<Replacement> = {}): Uint8Array {
  return patchOfAll(name, [{ ...situation, source, functions, change }]);
}

interface ModulePatch extends Pick<Situation, "module" | "kind"> {
  readonly source: string;
  readonly functions: readonly string[];
  readonly change?: Partial<Replacement>;
  /** Beyond those that the program was compiled with. */
  readonly flags?: readonly string[];
}

/** One image with an object for each module. */
export function patchOfAll(name: string, parts: readonly ModulePatch[]): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "suture-patch-"));
  try {
    return imageOf(name, ...parts.map(({ module, kind, source, functions, change, flags = [] }, at) => {
      const input = join(directory, `fix-${at}.c`);
      const object = join(directory, `fix-${at}.o`);
      writeFileSync(input, source);
      execFileSync("gcc", ["-c", "-O1", "-ffunction-sections", "-fdata-sections", "-fcf-protection=none", "-fPIE", ...flags, "-o", object, input], { stdio: "pipe" });
      return { object, module, kind, functions, ...change };
    }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export const newKeep = `const char *keep(void) { return "new words"; }`;

export const newStay = `
  #include <unistd.h>
  void stay(int from) { char byte; while (read(from, &byte, 1) != 1) {} __asm__ volatile("" ::: "memory"); }`;
