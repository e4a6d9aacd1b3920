// What V8 compiles of the program, kept beside it: the program is run as its users run it, on a program of its own, and the functions that
// these runs used are written down. V8 takes them only with the same version and flags. Nothing depends on it but the time that a start takes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { $ } from "zx";
import { compiledFileOf } from "../shell/compiled-program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** It ends by itself should we be ended before. */
const source = `#include <unistd.h>
int answer(void) { return 41; }
int main(void) { alarm(120); for (;;) { answer(); usleep(10000); } }
`;

const diff = `--- a/answer.c
+++ b/answer.c
@@ -1,3 +1,3 @@
 #include <unistd.h>
-int answer(void) { return 41; }
+int answer(void) { return 42; }
 int main(void) { alarm(120); for (;;) { answer(); usleep(10000); } }
`;

/** `program` as bundleProgram() wrote it. A machine on which a run does not get far, for want of a right or of a compiler, gets less of it compiled. */
export async function compileAhead(program: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "suture-compile-ahead-"));
  const keeper = join(dirname(program), `keep-compiled-${process.pid}.js`);
  try {
    await rm(compiledFileOf(program), { force: true });
    await bundleKeeper(keeper);
    await useProgram([keeper, program], directory);
  } finally {
    await Promise.all([rm(keeper, { force: true }), rm(directory, { recursive: true, force: true })]);
  }
}

/** Builds a patch, puts it into a process and takes it back. */
async function useProgram(program: readonly string[], directory: string): Promise<void> {
  const inDirectory = $({ cwd: directory, quiet: true, nothrow: true, timeout: "60s", env: { ...process.env, XDG_CACHE_HOME: directory } });
  const suture = (...words: readonly string[]) => inDirectory`${process.execPath} ${program} ${words}`;
  await writeFile(join(directory, "answer.c"), source);
  await writeFile(join(directory, "fix.diff"), diff);
  await writeFile(join(directory, "compile_commands.json"), JSON.stringify([{ directory, file: "answer.c", arguments: ["gcc", "-g", "-O1", "-c", "answer.c", "-o", "answer.o"] }]));
  await inDirectory`gcc -g -O1 answer.c -o answer`;
  await suture("build", "fix.diff", "--source", ".", "--target", "answer", "-o", "fix.suture");
  const answering = spawn(join(directory, "answer"), { stdio: "ignore" });
  try {
    await once(answering, "spawn");
    await suture("apply", "--pid", `${answering.pid}`, "fix.suture");
    await suture("list", "--pid", `${answering.pid}`);
    await suture("revert", "--pid", `${answering.pid}`, "fix");
  } catch {
    // Without a compiler there is no program.
  } finally {
    answering.kill("SIGKILL");
  }
}

async function bundleKeeper(output: string): Promise<void> {
  await build({ absWorkingDir: root, entryPoints: ["scripts/compile-ahead/keeper.ts"], outfile: output, bundle: true, platform: "node", target: "node20", format: "cjs", logLevel: "warning" });
}
