// Programs for these tests, each with the situations that its name says, built in a temporary directory.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A directory of sources that goes with its tests. */
export class BuildDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "suture-patchability-"));

  write(sources: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(sources)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  run(command: string, ...parameters: readonly string[]): string {
    return execFileSync(command, parameters, { cwd: this.path, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  at(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Statics of the same name in files of the same name, and one function for each thing that patchability knows. */
export const variousSources: Readonly<Record<string, string>> = {
  "main.c": `
    #include <stdlib.h>
    extern int left(int), right(int), chosen(int), assembled(int), jumper(int);
    int tiny(void);
    static inline __attribute__((always_inline)) int only_inlined(int n) { return n * 3 + 1; }
    __attribute__((noinline)) int holder_one(int n) { return only_inlined(n) - 1; }
    __attribute__((noinline)) int holder_two(int n) { return only_inlined(n) ^ 5; }
    static volatile int started;
    __attribute__((constructor)) static void at_start(void) { started = 1; }
    __attribute__((noinline)) _Noreturn void give_up(int code) { exit(code); }
    __attribute__((noinline, cold)) void complain(int n);
    void complain(int n) { started = n; }
    __attribute__((noinline)) int with_cold_part(int n, int *p) {
      if (__builtin_expect(n < 0, 0)) { complain(n); complain(n + 1); *p = n; abort(); }
      return *p + n;
    }
    static int (*resolve_chosen(void))(int) { return left; }
    int chosen(int) __attribute__((ifunc("resolve_chosen")));
    int main(int argc, char **argv) {
      (void)argv;
      if (argc > 9) give_up(argc);
      return holder_one(argc) + holder_two(argc) + left(argc) + right(argc) + chosen(argc) + tiny() + assembled(argc) + jumper(argc) + with_cold_part(argc, &argc);
    }`,
  "a/unit.c": "static int state = 1; static __attribute__((noinline)) int step(int n) { return n + state++; } int left(int n) { return step(n) * 2; }",
  "b/unit.c": "static int state = 2; static __attribute__((noinline)) int step(int n) { return n - state--; } int right(int n) { return step(n) * 5; }",
  "tiny.c": "void tiny_nothing(void) {} int tiny(void) { return 0; }",
  "assembled.S": `
    .text
    .globl assembled
    .type assembled, @function
    assembled:
      mov %edi, %eax
    inside:
      add $1, %eax
      ret
    .size assembled, .-assembled
    .globl jumper
    .type jumper, @function
    jumper:
      mov %edi, %eax
      .byte 0xe9
      .long entered + 2 - . - 4
    .size jumper, .-jumper
    .globl entered
    .type entered, @function
    entered:
      mov %edi, %eax
      add $7, %eax
      ret
    .size entered, .-entered
    .section .note.GNU-stack,"",@progbits`,
};

export function buildVarious(directory: BuildDirectory, output: string, ...flags: readonly string[]): string {
  directory.write(variousSources);
  directory.run("gcc", "-g", "-O2", "-o", output, "main.c", "a/unit.c", "b/unit.c", "tiny.c", "assembled.S", ...flags);
  return directory.at(output);
}
