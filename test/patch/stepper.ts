// Leaves a thread of a process at an instruction of the test's choice, with the whole process stopped as by SIGSTOP.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { address } from "../../native/address.ts";
import type { Address, AddressRange } from "../../native/address.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { compileTarget, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";

export interface Stepper extends AsyncDisposable {
  /** The thread stands before that instruction, or at the first one of the signal handler that has interrupted it there. */
  bring(to: Address, how: "plainly" | "below a signal handler"): Promise<void>;
  /** The process goes on. */
  release(): void;
}

export async function startStepper(target: Target, tid: number): Promise<Stepper> {
  const { program } = await compileTarget(fileURLToPath(new URL("stepper.c", import.meta.url)));
  const stepper = await startTarget(program, { parameters: [`${target.pid}`, `${tid}`], timeout: 60_000 });
  return {
    async bring(to, how) {
      const from = stepper.lines.length;
      stepper.write(`0x${to.toString(16)}${how === "plainly" ? "" : " signal"}\n`);
      if (await stepper.line(/^(there|never)$/, from) !== "there") throw new Error(`The thread never comes to 0x${to.toString(16)}`);
      await waitUntil("every thread is stopped", () => statesOf(target.pid).every((state) => state === "T"), { every: 1 });
    },
    release: () => target.signal("SIGCONT"),
    [Symbol.asyncDispose]: () => stepper[Symbol.asyncDispose](),
  };
}

const statesOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).map((tid) => /\) (.)/.exec(readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8"))?.[1] ?? "");

export interface Instruction {
  readonly at: Address;
  readonly text: string;
}

/** As they are in the process now; padding that ends a range is none. */
export async function instructionsIn(tracer: TracerClient, pid: number, { start, end }: AddressRange): Promise<readonly Instruction[]> {
  const directory = mkdtempSync(join(tmpdir(), "suture-code-"));
  try {
    const file = join(directory, "code");
    writeFileSync(file, await tracer.readMemory(pid, start, Number(end - start)));
    const text = execFileSync("objdump", ["-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", `--adjust-vma=0x${start.toString(16)}`, file], { encoding: "utf8" });
    return [...text.matchAll(/^\s*([0-9a-f]+):\s+(.*?)\s*$/gm)].map(([, at = "", instruction = ""]) => ({ at: address(BigInt(`0x${at}`)), text: instruction }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
