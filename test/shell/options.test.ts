import { describe, expect, it } from "vitest";
import { parseCount, parseDuration, parseMilliseconds, parsePid, parseScan } from "../../shell/options.ts";

describe("parseDuration()", () => {
  it.each([["5s", 5_000_000], ["200ms", 200_000], ["1.5s", 1_500_000], ["500us", 500], ["500µs", 500], ["2m", 120_000_000], ["0s", 0]])(
    "reads %s", (text, microseconds) => expect(parseDuration(text)).toBe(microseconds));

  it.each(["5", "", "s", "-5s", "5 s", "5h", "1e3s", "0x5s", "5s5", "1.s", "99999999999999999999s"])(
    "refuses %j and says what it takes", (text) =>
      expect(() => parseDuration(text)).toThrow(`Cannot read the duration: "${text}" is not one; write 5s, 200ms or 500us, at most a day`));
});

describe("parseMilliseconds()", () => {
  it("keeps what is shorter than a millisecond", () => expect(parseMilliseconds("500us")).toBe(0.5));
});

describe("parsePid()", () => {
  it("reads a process id", () => expect(parsePid("4242")).toBe(4242));

  it.each(["0", "-1", "", "4242x", "1e3", "4194305", "99999999999", " 1", "self"])("refuses %j", (text) =>
    expect(() => parsePid(text)).toThrow(`Cannot read the process id: "${text}" is not a number from 1 to 4194304`));
});

describe("parseCount()", () => {
  it("reads a number", () => expect(parseCount("2")).toBe(2));
  it.each(["0", "-1", "1.5", "", "many"])("refuses %j", (text) =>
    expect(() => parseCount(text)).toThrow(/is not a whole number from 1 upwards$/));
});

describe("parseScan()", () => {
  it.each(["stacks", "heap"] as const)("reads %s", (text) => expect(parseScan(text)).toBe(text));
  it.each(["", "Heap", "all"])("refuses %j", (text) => expect(() => parseScan(text)).toThrow(`Cannot read where to scan: "${text}" is neither stacks nor heap`));
});
