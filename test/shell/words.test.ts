import { describe, expect, it } from "vitest";
import { splitWords } from "../../shell/ui/words.ts";

describe("splitWords()", () => {
  it.each([
    ["", []],
    ["  apply  fix.suture ", ["apply", "fix.suture"]],
    ["apply 'my fix.suture'", ["apply", "my fix.suture"]],
    [`a"b c"d`, ["ab cd"]],
    [String.raw`"a \" b" c\ d`, [`a " b`, "c d"]],
    [`'' ""`, ["", ""]],
    ["# a comment", []],
    ["list # and why", ["list"]],
    ["a#b", ["a#b"]],
    ["'a # b'", ["a # b"]],
    ["\tlist\t", ["list"]],
  ])("splits %j", (line, words) => expect(splitWords(line)).toEqual(words));

  it.each([`"open`, "'open", `a"b 'c'`, "end\\"])("refuses %j, whose quote is not closed", (line) =>
    expect(() => splitWords(line)).toThrow(/^Cannot read the line: a quote is not closed in /));
});
