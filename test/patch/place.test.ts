import { expect, test } from "vitest";
import { address, formatAddress } from "../../native/address.ts";
import { findPlaces } from "../../native/patch/place.ts";
import { parseMaps } from "../../native/target/mod.ts";

const span = (start: bigint, end: bigint) => ({ start: address(start), end: address(end) });
const size = 0x3000;

test("findPlaces() prefers the gap below the module and leaves a guard", () => {
  const mappings = parseMaps("555500000000-555500010000 r-xp 00000000 08:01 1 /p\n555501000000-555501100000 rw-p 00000000 00:00 0 [heap]\n");
  const places = findPlaces(mappings, { span: span(0x5555_0000_0000n, 0x5555_0001_0000n), isFixed: false }, size);
  expect(formatAddress(places[0] ?? 0n)).toBe("0x5554fffed000");
  expect(places.every((at) => at % 4096n === 0n)).toBe(true);
});

test("findPlaces() keeps a position-dependent program's patch where 31 bits reach", () => {
  const mappings = parseMaps("00400000-00500000 r-xp 00000000 08:01 1 /p\n00600000-00700000 rw-p 00000000 00:00 0 [heap]\n");
  const fixed = { span: span(0x400000n, 0x500000n), isFixed: true };
  expect(findPlaces(mappings, fixed, size).map(formatAddress)).toEqual(["0x3ed000", "0x510000", "0x7feed000"]);
  // More than the gap below holds: then as far from the heap as possible.
  expect(findPlaces(mappings, fixed, 8 << 20).map(formatAddress)).toEqual([formatAddress(0x7ff0_0000n - 0x10000n - (8n << 20n))]);
});

test("findPlaces() stays out of the way of the stack and offers nothing out of reach", () => {
  const module = "7f0000000000-7f0000010000 r-xp 00000000 08:01 1 /p\n";
  const mappings = parseMaps(`7ef000000000-7f0000000000 rw-p 00000000 00:00 0 \n${module}7f0004010000-7f0004020000 rw-p 00000000 00:00 0 [stack]\n7f0004020000-7fff00000000 rw-p 00000000 00:00 0 \n`);
  expect(findPlaces(mappings, { span: span(0x7f00_0000_0000n, 0x7f00_0001_0000n), isFixed: false }, size)).toEqual([]);
});

test("findPlaces() reaches the whole of a large module", () => {
  const whole = span(0x10_0000_0000n, 0x10_4000_0000n); // 1 GiB
  const places = findPlaces(parseMaps("1000000000-1040000000 r-xp 00000000 08:01 1 /p\n"), { span: whole, isFixed: false }, size);
  expect(places.length).toBeGreaterThan(0);
  for (const at of places) {
    expect(whole.end - at).toBeLessThan(1n << 31n);
    expect(at + BigInt(size) - whole.start).toBeLessThan(1n << 31n);
  }
});
