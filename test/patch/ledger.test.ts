import { expect, test } from "vitest";
import { address } from "../../native/address.ts";
import { encodeRecord, lengthOf, NotALedger, readLedger, writeLedger } from "../../native/patch/ledger-format.ts";
import type { LedgerPatch, LedgerRecord } from "../../native/patch/ledger-records.ts";
import { recordsOf, replay } from "../../native/patch/ledger-state.ts";
import { mutations } from "../elf/toolchain.ts";

function patchNamed(name: string, at = 0x5000n): LedgerPatch {
  const range = { start: address(at), end: address(at + 0x3000n) };
  return {
    name, digest: "ab".repeat(32), modules: [{ name: "server", buildId: "1f3c" }],
    functions: [{
      name: "answer", unit: "server.c", module: "server", old: address(0x401000n), new: address(at + 0x1010n), at: address(0x401004n),
      saved: Uint8Array.of(1, 2, 3, 4, 5, 6), jump: Uint8Array.of(0xe9, 1, 2, 3, 4, 6), ranges: [{ start: address(0x401000n), end: address(0x401020n) }], newRanges: [{ start: address(at + 0x1010n), end: address(at + 0x1030n) }],
    }],
    values: [{ name: "limits.most", module: "server", at: address(0x404010n), expected: Uint8Array.of(1, 0, 0, 0), replacement: Uint8Array.of(2, 0, 0, 0) }],
    mappings: [{ ...range, code: { start: address(at + 0x1000n), end: address(at + 0x2000n) }, constant: { start: range.start, end: address(at + 0x2000n), sha256: "cd".repeat(32) } }],
  };
}

const staged = (name: string, at?: bigint): LedgerRecord => ({ record: "staged", patch: patchNamed(name, at) });
const life: readonly LedgerRecord[] = [
  staged("one"), { record: "activating", name: "one" }, { record: "active", name: "one" },
  staged("two", 0x9000n), { record: "activating", name: "two" },
];

test("readLedger() gives back the records that writeLedger() wrote", () => {
  const bytes = writeLedger(7, life, 8192);
  expect(readLedger(bytes)).toEqual({ generation: 7, records: life, end: lengthOf(life) });
});

test("readLedger() does not see a record whose head was not written", () => {
  const bytes = writeLedger(1, life, 8192);
  const { head, rest } = encodeRecord({ record: "active", name: "two" });
  const end = lengthOf(life);
  bytes.set(rest, end + 16);
  expect(readLedger(bytes).records).toEqual(life);
  bytes.set(head, end);
  expect(readLedger(bytes).records).toEqual([...life, { record: "active", name: "two" }]);
});

test("readLedger() refuses what is damaged, and nothing else goes wrong", () => {
  const bytes = writeLedger(1, life, 4096);
  const whole = lengthOf(life);
  const results = { read: 0, refused: 0 };
  for (const damaged of mutations(bytes, 3000, 11)) {
    try {
      readLedger(damaged);
      results.read++;
    } catch (error) {
      expect(error).toBeInstanceOf(NotALedger);
      results.refused++;
    }
  }
  expect(results.refused).toBeGreaterThan(100);
  for (let at = 0; at < whole; at += 7) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    // Only the generation and what is reserved are without a check; a record's missing head ends the ledger.
    if (at >= 12 && at < 64) continue;
    let records: readonly LedgerRecord[] = [];
    try { records = readLedger(damaged).records; } catch { continue; }
    expect.fail(`the byte at ${at} was changed and ${records.length} records were read`);
  }
});

test.each([
  ["an unknown record", { record: "exploded", name: "x" }],
  ["an address that is none", { record: "freed", at: "somewhere" }],
  ["a name that would garble a terminal", { record: "gone", name: "\u001b[2J" }],
  ["an empty name", { record: "gone", name: "" }],
])("readLedger() refuses %s", (_, json) => {
  expect(() => readLedger(writeLedger(1, [json as unknown as LedgerRecord], 4096))).toThrow(NotALedger);
});

test("readLedger() refuses a patch whose parts lie outside of its mapping", () => {
  const patch = patchNamed("one");
  const [mapping] = patch.mappings;
  if (mapping === undefined) throw new Error("no mapping");
  const outside = { ...mapping, code: { start: address(0x1000n), end: address(0x2000n) } };
  expect(() => readLedger(writeLedger(1, [{ record: "staged", patch: { ...patch, mappings: [outside] } }], 4096))).toThrow(/wrong value for patch.mappings/);
});

test("replay() tells the state that the records add up to", () => {
  const states = (records: readonly LedgerRecord[]) => replay(records)?.patches.map(({ patch, state }) => `${patch.name} ${state}`);
  expect(states(life)).toEqual(["one active", "two activating"]);
  expect(states([...life, { record: "deactivating", name: "one" }, { record: "inactive", name: "one" }])).toEqual(["two activating", "one staged"]);
  expect(states([...life, { record: "gone", name: "one" }, staged("one", 0xd000n)])).toEqual(["two activating", "one staged"]);
});

test("replay() keeps in mind which functions were forced, until the patch is inactive", () => {
  const forced: LedgerRecord[] = [staged("one"), { record: "forced", name: "one", functions: ["answer"] }, { record: "activating", name: "one" }, { record: "active", name: "one" }];
  const state = replay(readLedger(writeLedger(1, forced, 4096)).records);
  expect(state?.patches[0]?.forced).toEqual(["answer"]);
  if (state !== undefined) expect(replay(recordsOf(state))).toEqual(state);
  expect(replay([...forced, { record: "deactivating", name: "one" }, { record: "inactive", name: "one" }])?.patches[0]?.forced).toEqual([]);
});

test("replay() frees the name of a retired patch and keeps its memory in mind", () => {
  const records: LedgerRecord[] = [...life, { record: "retired", name: "one" }, staged("one", 0xd000n)];
  expect(replay(records)?.retired.map(({ name, mappings }) => [name, mappings[0]?.start])).toEqual([["one", 0x5000n]]);
  expect(replay([...records, { record: "freed", at: address(0x5000n) }])?.retired).toEqual([]);
});

test.each([
  ["an outcome without a patch", [{ record: "active", name: "one" }]],
  ["two patches of one name", [staged("one"), staged("one", 0x9000n)]],
  ["memory freed that was not retired", [staged("one"), { record: "freed", at: address(0x5000n) }]],
] satisfies [string, LedgerRecord[]][])("replay() sees the contradiction in %s", (_, records) => {
  expect(replay(records)).toBeUndefined();
});

test("recordsOf() says the same in fewer records", () => {
  const long: LedgerRecord[] = [...life, { record: "deactivating", name: "one" }, { record: "active", name: "one" }, { record: "retired", name: "two" }];
  const state = replay(long);
  expect(state).toBeDefined();
  if (state === undefined) return;
  const short = [...recordsOf(state)];
  expect(short.length).toBeLessThan(long.length);
  expect(replay(short)).toEqual(state);
});
