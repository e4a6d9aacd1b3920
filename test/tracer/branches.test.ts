import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { enter, range } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => {
  tracer = await Tracer.start();
});
afterAll(() => tracer[Symbol.asyncDispose]());

describe("branchesInto()", () => {
  it("finds what leads back into the first bytes of a function, jump tables included, and nothing else", async () => {
    await using situation = await enter(tracer, "leads-back.c", { flags: ["-g", "-O2", "-DFIXED", "-fno-pie"], link: ["-no-pie"] });
    const targetsOf = async (name: string): Promise<readonly number[]> => {
      const whole = situation.whole(name);
      const branches = await tracer.branchesInto(situation.pid, [whole], range(whole.start, 5));
      return branches.map(({ to }) => Number(to - whole.start));
    };
    const found: Record<string, readonly number[]> = {};
    for (const name of ["shortLoop", "farLoop", "fromItsEntry", "byDistance", "byAddress", "atFixedPlace", "laterLoop", "callsItself", "onlyForwards", "looksLikeIt"]) {
      found[name] = await targetsOf(name);
    }
    expect(found).toEqual({
      shortLoop: [1], farLoop: [1], fromItsEntry: [0], byDistance: [1], byAddress: [1], atFixedPlace: [1], laterLoop: [], callsItself: [], onlyForwards: [], looksLikeIt: [],
    });
    await expect(targetsOf("unknown")).rejects.toMatchObject({ kind: "unreadable-memory", message: expect.stringMatching(/the instruction at 0x[0-9a-f]+ is not known$/) });
  });
});
