import { expect, test } from "vitest";
import { address } from "../../native/address.ts";
import { findGaps, formatRange, isDeleted, isMemoryFile, mappingAt, parseMaps, pathOf } from "../../native/target/maps.ts";

const text = `\
00400000-00401000 r--p 00000000 08:01 1234 /usr/bin/a program (deleted)
00401000-00405000 r-xp 00001000 08:01 1234 /usr/bin/a program (deleted)
01000000-01021000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0000010000 r--p 00000000 00:01 77 /memfd:suture-fix (deleted)
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`;

test("parseMaps() reads every field of every line", () => {
  const [first, code, heap, memory] = parseMaps(text);
  expect(parseMaps(text)).toHaveLength(6);
  expect(code).toEqual({
    start: 0x401000n, end: 0x405000n, isReadable: true, isWritable: false, isExecutable: true, isShared: false,
    offset: 0x1000, device: "08:01", inode: "1234", path: "/usr/bin/a program (deleted)",
  });
  expect(first && [isDeleted(first), pathOf(first), isMemoryFile(first)]).toEqual([true, "/usr/bin/a program", false]);
  expect(heap?.path).toBe("[heap]");
  expect(memory && isMemoryFile(memory)).toBe(true);
});

test("parseMaps() takes anonymous memory and refuses a line that is none of the kernel's", () => {
  expect(parseMaps("1000-2000 rw-s 00000000 00:00 0 \n")).toMatchObject([{ path: "", isShared: true }]);
  expect(() => parseMaps("not a mapping\n")).toThrow(/the line "not a mapping" is not understood/);
});

test("mappingAt() takes the start of a mapping and leaves its end", () => {
  expect(mappingAt(parseMaps(text), address(0x401000n))?.offset).toBe(0x1000);
  expect(mappingAt(parseMaps(text), address(0x405000n))).toBeUndefined();
});

test("findGaps() tells what is free and what lies beside it", () => {
  const gaps = findGaps(parseMaps(text), { start: address(0x10000n), end: address(0x7fff0000n) });
  expect(gaps.map((gap) => [formatRange(gap), gap.below?.path, gap.above?.path])).toEqual([
    ["0x10000-0x400000", undefined, "/usr/bin/a program (deleted)"],
    ["0x405000-0x1000000", "/usr/bin/a program (deleted)", "[heap]"],
    ["0x1021000-0x7fff0000", "[heap]", "/memfd:suture-fix (deleted)"],
  ]);
});
