// A process in a memory control group that has come close to the limit of its group. Without any room the kernel ends it for the pages
// that a patch needs; so it is refused before, and the process lives on as it was. With room again it gets the patch.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import { failureOf } from "./corner.ts";
import { patchOf } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Group extends Disposable {
  readonly processes: string;
  readonly use: string;
  readonly limitTo: (bytes: number) => void;
}

/** Of whichever version the machine has. Throws where it has none, or where it may not be made. */
function makeGroup(): Group {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => line.split(" - ").map((half) => half.split(" ")));
  const firsts = mounts.flatMap(([before, after]) => (after?.[0] === "cgroup" && after[2]?.split(",").includes("memory") ? [before?.[4] ?? ""] : []));
  const seconds = mounts.flatMap(([before, after]) => (after?.[0] === "cgroup2" ? [before?.[4] ?? ""] : []));
  const isFirst = firsts[0] !== undefined;
  const root = firsts[0] ?? seconds[0] ?? "";
  if (!isFirst) writeFileSync(join(root, "cgroup.subtree_control"), "+memory");
  const directory = join(root, `suture-test-${process.pid}`);
  mkdirSync(directory);
  const file = (first: string, second: string): string => join(directory, isFirst ? first : second);
  const [limits = "", swap = ""] = [file("memory.limit_in_bytes", "memory.max"), file("memory.memsw.limit_in_bytes", "memory.swap.max")];
  if (!existsSync(limits)) throw new Error(`${directory} cannot limit memory`);
  let now = Infinity;
  return {
    processes: join(directory, "cgroup.procs"), use: file("memory.usage_in_bytes", "memory.current"),
    limitTo: (bytes) => {
      // What memory and swap may be together is never less than what memory may be.
      const files = [{ path: limits, text: `${bytes}` }, { path: swap, text: isFirst ? `${bytes}` : "0" }].filter(({ path }) => existsSync(path));
      for (const { path, text } of bytes > now ? files.reverse() : files) writeFileSync(path, text);
      now = bytes;
    },
    [Symbol.dispose]: () => rmdirSync(directory),
  };
}

const limit = 32 << 20;
/** For what the program itself needs to answer. */
const rest = 64 << 10;

test("applyPatch() refuses a process whose memory control group has hardly any room left, and changes nothing; with room it is patched", async () => {
  using group = makeGroup();
  const { program } = await compileTarget("fills-its-group.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  await using target = await startTarget(program, { parameters: [group.processes, group.use] });
  const { pid } = target;
  const say = async (words: string, reply: RegExp): Promise<string> => {
    const from = target.lines.length;
    target.write(`${words}\n`);
    return target.line(reply, from);
  };
  const image = patchOf({ module: program, kind: "program" }, "two", "int answer(int of) { return of < 1000 ? 2 : 4; }", ["answer"]);
  group.limitTo(limit);
  await say(`fill ${limit} ${rest}`, /^filled/);
  const untouched = await snapshotOf(pid);
  const refusal = { kind: "out-of-memory", message: expect.stringMatching(new RegExp(`^Cannot apply patch "two" to pid ${pid}: of the ${limit} bytes of its memory cgroup \\S+ \\d+ are left, and \\d+ are wanted; raise that limit`)) as string };
  for (const dryRun of [true, false]) expect(await failureOf(applyPatch(tracer, image, pid, { dryRun }))).toMatchObject(refusal);
  expect(await snapshotOf(pid)).toEqual(untouched);
  expect([await say("ask", /^answers/), target.exit()]).toEqual(["answers: 1", undefined]);

  group.limitTo(limit + (1 << 20));
  await applyPatch(tracer, image, pid);
  expect(await say("ask", /^answers/)).toBe("answers: 2");
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  // To go it needs nothing that it has not.
  await say(`fill ${limit + (1 << 20)} ${rest}`, /^filled/);
  await revertPatch(tracer, "two", pid);
  expect(await say("ask", /^answers/)).toBe("answers: 1");
  expect(await snapshotOf(pid)).toEqual(untouched);
});
