// Small programs for the tests of the tracer: compiled on the spot, run, and ended with their scope.

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that goes away with its scope. */
export function scratchFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "suture-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function compile(folder: string, name: string, source: string, flags: readonly string[] = ["-g", "-O2"]): string {
  const program = join(folder, name);
  writeFileSync(`${program}.c`, source);
  execFileSync("gcc", [...flags, "-o", program, `${program}.c`, "-pthread"], { stdio: ["ignore", "ignore", "inherit"] });
  return program;
}

export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
}

/** Runs a program that prints a line when it is ready. */
export async function run(program: string, words: readonly string[] = []): Promise<RunningProgram> {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${program} ended before it was ready`)));
  });
  if (child.pid === undefined) throw new Error(`${program} has no pid`);
  return {
    pid: child.pid,
    process: child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Three threads beside the main one, a global with a known value, everybody asleep. */
export const sleepingThreads = `
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
char greeting[] = "hello from the target";
static void *nap(void *name) { pthread_setname_np(pthread_self(), name); for (;;) pause(); }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, nap, "one"); pthread_create(&thread, 0, nap, "two"); pthread_create(&thread, 0, nap, "three");
  usleep(20000);
  printf("%p\\n", (void *)greeting); fflush(stdout);
  for (;;) pause();
}
`;

/** Its child has ended, and it never asks how. */
export const neglectfulParent = `
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  pid_t child = fork();
  if (child == 0) return 0;
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  puts("ready"); fflush(stdout);
  for (;;) pause();
}
`;
