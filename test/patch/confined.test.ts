// Processes whose memory has rules of its own, or that run as somebody who has none of root's rights: what a service manager or a
// careful administrator does to databases and web servers. Each works, or is refused with the reason and is unchanged.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyPatch, listPatches, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, snapshotOf, waitUntil } from "../support/mod.ts";
import { Corners } from "./corner.ts";

let tracer: Tracer;
let corners: Corners;
beforeAll(async () => {
  tracer = await Tracer.start();
  corners = await Corners.open();
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  corners[Symbol.dispose]();
});

const nobody = "--reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
const asNobody = ["setpriv", ...nobody.split(" ")];

const stateOf = (pid: number): string => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";

describe("applyPatch() works", () => {
  test("in a process of which no memory may become executable (PR_SET_MDWE, MemoryDenyWriteExecute=)", async () => {
    await using situation = await corners.enter("sealed");
    await corners.expectThereAndBack(situation, tracer);
  });

  test.each([1, 2])("where memory files may hold no programs: vm.memfd_noexec = %i", async (level) => {
    await using situation = await corners.enter("plain", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `echo ${level} > /proc/sys/vm/memfd_noexec && exec "$0" "$1"`]);
    await corners.expectThereAndBack(situation, tracer);
  });

  test("in a process that has locked all of its memory", async () => {
    await using situation = await corners.enter("locked");
    await corners.expectThereAndBack(situation, tracer);
  });

  test(lifted("X4", "an ordinary user patches, asks and reverts in a process of his own, and whoever may trace it sees the same"), async () => {
    await using situation = await corners.enter("plain", asNobody);
    await using ordinary = await corners.helperWith("as-nobody", nobody);
    await corners.expectThereAndBack(situation, ordinary);
    const { pid } = situation;
    const untouched = await snapshotOf(pid);
    for (const [one, other] of [[ordinary, tracer], [tracer, ordinary]] as const) {
      await applyPatch(one, corners.image, pid);
      expect(await listPatches(other, pid)).toMatchObject([{ patches: [{ name: "two", state: "active" }] }]);
      expect(await verifyPatches(other, pid)).toMatchObject({ verified: true });
      await revertPatch(other, "two", pid);
      expect(await situation.ask()).toBe("answers: 1");
      expect(await snapshotOf(pid)).toEqual(untouched);
    }
  });

  test("in a stopped process, which stays stopped and goes on with the patch, and without it, when it is told to", async () => {
    await using situation = await corners.enter("plain");
    const { pid, target } = situation;
    const untouched = await snapshotOf(pid);
    const whileStopped = async (act: () => Promise<unknown>): Promise<void> => {
      target.signal("SIGSTOP");
      await waitUntil("it is stopped", () => stateOf(pid) === "T");
      await act();
      await waitUntil("it is stopped again", () => stateOf(pid) === "T");
      const from = target.lines.length;
      target.write("ask\n");
      expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
      expect([stateOf(pid), target.lines.slice(from)]).toEqual(["T", []]);
      target.signal("SIGCONT");
    };
    await whileStopped(() => applyPatch(tracer, corners.image, pid));
    expect(await target.line(/^answers/, 1)).toBe("answers: 2");
    await whileStopped(() => revertPatch(tracer, "two", pid));
    expect(await target.line(/^answers/, 2)).toBe("answers: 1");
    expect(await snapshotOf(pid)).toEqual(untouched);
  });
});

describe("applyPatch() refuses, and changes nothing", () => {
  test("a process that has locked as much memory as it may", async () => {
    await using situation = await corners.enter("locked", ["prlimit", "--stack=262144", ...asNobody]);
    const locked = Number(/^VmLck:\s+(\d+) kB/m.exec(readFileSync(`/proc/${situation.pid}/status`, "utf8"))?.[1]);
    expect(locked).toBeGreaterThan(0);
    execFileSync("setpriv", [...asNobody.slice(1), "prlimit", "--pid", `${situation.pid}`, `--memlock=${locked * 1024}:`]);
    await corners.expectRefusal(situation, tracer, { kind: "out-of-memory", message: /Cannot make memory at 0x[0-9a-f]+ in pid \d+: Resource temporarily unavailable/ });
  });

  test.each([["crowded", /Cannot stage patch "two" in pid \d+: there is no free room of \d+ bytes within two GiB of answers-in-a-corner: the process has taken all of it/],
    // Here the patch would have room, and its ledger has not.
    ["crammed", /Cannot make a ledger in pid \d+: there is no free room of \d+ bytes within two GiB of answers-in-a-corner/]] as const)(
    "a process that has taken all memory within reach of the program: %s", async (how, message) => {
      await using situation = await corners.enter(how);
      await corners.expectRefusal(situation, tracer, { kind: "unreachable-memory", message });
    });
});
