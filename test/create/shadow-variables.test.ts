// Shadow variables as suture.h promises them to authors, from C++ on a live process: data that is got, made by a constructor or refused by it,
// made by several threads at once, and given back with the patch.

import { afterAll, beforeAll, expect, test } from "vitest";

import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { snapshotOf } from "../support/mod.ts";
import { startProgram } from "./live-program.ts";
import type { Change, LiveProgram } from "./live-program.ts";

let tracer: Tracer;
let program: LiveProgram;
beforeAll(async () => {
  tracer = await Tracer.start();
  program = await startProgram(tracer, { files: ["works-in-threads.cc"] });
}, 60_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await tracer[Symbol.asyncDispose]();
});

const header: Change = ["#include <cstdio>\n", '#include <cstdio>\n#include "suture.h"\n'];
const work = "[[gnu::noipa]] void work() { __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED); }";
const outcome = "[[gnu::noipa]] long outcome() { return done; }";

/** Applies, asks, and reverts; the process is afterwards as it was. */
async function answerWith(name: string, changes: readonly Change[]): Promise<string> {
  const before = await snapshotOf(program.pid);
  expect(await program.ask()).toBe("4");
  const { image } = await program.build(name, [header, ...changes]);
  await applyPatch(tracer, image, program.pid);
  const answer = await program.ask();
  const { processes: [process] } = await revertPatch(tracer, name, program.pid);
  expect(process).not.toHaveProperty("failedCallbacks");
  expect(await program.ask()).toBe("4");
  await program.returnsTo(before);
  return answer;
}

test("suture_shadow_get() finds what was made for that object and id, and nothing else; a destructor sees what is freed", async () => {
  expect(await answerWith("got", [[outcome, `int other;
void lastSeen(const void* object, void* data) { if (object == &done) other += *static_cast<int*>(data); }
[[gnu::noipa]] long outcome() {
  const bool nothing = suture_shadow_get(const_cast<int*>(&done), 7) == nullptr;
  int* const made = static_cast<int*>(suture_shadow_get_or_make(const_cast<int*>(&done), 7, sizeof *made, nullptr, nullptr));
  const int zero = *made;
  *made = 30;
  const bool same = suture_shadow_get(const_cast<int*>(&done), 7) == made && suture_shadow_get_or_make(const_cast<int*>(&done), 7, sizeof *made, nullptr, nullptr) == made;
  const bool apart = suture_shadow_get(const_cast<int*>(&done), 8) == nullptr && suture_shadow_get(&other, 7) == nullptr;
  suture_shadow_free(const_cast<int*>(&done), 7, lastSeen);
  const bool gone = suture_shadow_get(const_cast<int*>(&done), 7) == nullptr;
  return nothing + 10 * same + 100 * apart + 1000 * gone + 10000 * (other == 30) + 100000 * (zero == 0);
}`]])).toBe("111111");
});

test("suture_shadow_get_or_make() gives its constructor the object, zeroes and the context; what that refuses is not made", async () => {
  expect(await answerWith("made", [[outcome, `struct Context { int start; int calls; bool right; };
int construct(const void* object, void* data, void* context) {
  Context& from = *static_cast<Context*>(context);
  from.calls += 1;
  from.right = object == &together && static_cast<int*>(data)[0] == 0 && static_cast<int*>(data)[1] == 0 && reinterpret_cast<unsigned long>(data) % 16 == 0;
  static_cast<int*>(data)[1] = from.start;
  return from.start < 0;
}
[[gnu::noipa]] long outcome() {
  Context bad = {-1, 0, false}, good = {40, 0, false};
  void* const refused = suture_shadow_get_or_make(&together, 1, 8, construct, &bad);
  const bool absent = refused == nullptr && suture_shadow_get(&together, 1) == nullptr;
  int* const made = static_cast<int*>(suture_shadow_get_or_make(&together, 1, 8, construct, &good));
  suture_shadow_get_or_make(&together, 1, 8, construct, &good);
  const int value = made[1];
  suture_shadow_free_all(1, nullptr);
  return absent + 10 * (bad.calls == 1) + 100 * (good.calls == 1) + 1000 * good.right + 10000 * value;
}`]])).toBe("401111");
});

test("suture_shadow_get_or_make() of several threads at once makes one, which all of them get; a post-unpatch callback frees all", async () => {
  expect(await answerWith("raced", [[work, `constexpr long rounds = 20000;
int construct(const void*, void* data, void* context) { *static_cast<long*>(data) = *static_cast<long*>(context); return 0; }
[[gnu::noipa]] void work() {
  long start = 100;
  for (long id = 0; id < rounds; ++id) {
    long* const data = static_cast<long*>(suture_shadow_get_or_make(&together, id, sizeof *data, construct, &start));
    __atomic_fetch_add(data, 1, __ATOMIC_RELAXED);
  }
}
void forget() { for (long id = 0; id < rounds; ++id) suture_shadow_free_all(id, nullptr); }
SUTURE_POST_UNPATCH(forget)`], [outcome, `[[gnu::noipa]] long outcome() {
  long whole = 0;
  for (long id = 0; id < rounds; ++id) whole += *static_cast<long*>(suture_shadow_get(&together, id)) == 100 + workers;
  return whole;
}`]])).toBe("20000");
});
