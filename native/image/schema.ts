// The manifest as JSON, to be checked before anything of it is believed. Every text is bounded and every name is
// printable: they end up in terminals, logs and the ledger of other people's processes.

import * as v from "valibot";
import { fileAddress } from "../address.ts";
import type { FileAddress } from "../address.ts";
import { callbackMoments, imageFormat } from "./manifest.ts";
import type { PatchManifest } from "./manifest.ts";

const longestName = 65_536; // mangled C++ names grow without an end
const longestPatchName = 128;
const mostEntries = 1_000_000;

/** Control characters, invisible format characters (those that turn the writing direction too), line separators, halves of pairs. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A name that is safe to show in one line. */
const isPrintable = (text: string): boolean => !unprintable.test(text);

/** A text of elsewhere as the manifest may hold it: in one line, and not without an end. */
export const toLine = (text: string): string => text.slice(0, longestName).replaceAll(new RegExp(unprintable, "gu"), "?");

const line = (longest: number) => v.pipe(
  v.string(), v.maxLength(longest, `longer than ${longest} characters`), v.check(isPrintable, "has unprintable characters"),
);
const name = v.pipe(line(longestName), v.minLength(1, "empty"));
const baseName = (longest: number) => v.pipe(line(longest), v.minLength(1, "empty"), v.check((text) => !text.includes("/"), "has a slash"));
const count = v.pipe(v.number(), v.safeInteger("not an integer"), v.minValue(0, "below zero"));
const address = v.pipe(
  v.string(), v.regex(/^0x[0-9a-f]{1,16}$/, "not a 64-bit number as 0x and lower-case digits"),
  v.transform((text): FileAddress => fileAddress(BigInt(text))),
);
const threadOffset = v.pipe(
  v.string(), v.regex(/^-?0x[0-9a-f]{1,15}$/, "not a signed number as 0x and lower-case digits"),
  v.transform((text) => (text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text))),
);
const hexBytes = v.pipe(
  v.string(), v.maxLength(64, "longer than 32 bytes"), v.regex(/^(?:[0-9a-f]{2})*$/, "not bytes as lower-case hex"),
  v.transform((text) => new Uint8Array(Buffer.from(text, "hex"))),
);
const list = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.maxLength(mostEntries, `more than ${mostEntries} entries`));

const patchName = baseName(longestPatchName);

/** Why a patch cannot be called this; undefined when it can. */
export const patchNameProblem = (text: string): string | undefined => v.safeParse(patchName, text).issues?.[0].message;

const moduleIdentity = v.strictObject({
  name: baseName(255),
  buildId: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){1,64}$/, "not a build-id in lower-case hex")),
  kind: v.picklist(["program", "library"]),
});

const patchedFunction = v.strictObject({
  name,
  unit: name,
  oldEntry: address,
  oldSize: count,
  oldRanges: v.pipe(list(v.strictObject({ start: address, end: address })), v.minLength(1, "empty")),
  redirectOffset: v.picklist([0, 4], "neither 0 nor 4"),
  expected: v.pipe(hexBytes, v.check((bytes) => bytes.length >= 5 && bytes.length <= 16, "not 5 to 16 bytes")),
  newSymbol: count,
  newSize: count,
  reason: line(4096),
  warnings: list(line(4096)),
});

const valueBytes = v.pipe(
  v.string(), v.maxLength(8192, "longer than 4096 bytes"), v.regex(/^(?:[0-9a-f]{2})+$/, "not bytes as lower-case hex"),
  v.transform((text) => new Uint8Array(Buffer.from(text, "hex"))),
);
const valueWrite = v.pipe(
  v.strictObject({ name, variable: address, offset: count, expected: valueBytes, replacement: valueBytes }),
  v.check(({ expected, replacement }) => expected.length === replacement.length, "expected and replacement differ in length"),
);

const addedFunction = v.strictObject({ name, unit: name, newSymbol: count, newSize: count });

const importEntry = v.variant("from", [
  v.strictObject({ symbol: count, name, from: v.literal("module"), at: address }),
  v.strictObject({ symbol: count, name, from: v.literal("process"), version: v.exactOptional(name) }),
  v.strictObject({ symbol: count, name, from: v.literal("thread"), offset: threadOffset }),
  v.strictObject({ symbol: count, name, from: v.literal("slot"), at: address }),
]);

const patchObject = v.strictObject({
  module: moduleIdentity,
  functions: list(patchedFunction),
  values: v.exactOptional(list(valueWrite), []),
  added: list(addedFunction),
  imports: list(importEntry),
  sections: list(count),
  debug: v.exactOptional(list(count)),
  callbacks: v.exactOptional(list(v.strictObject({ when: v.picklist(callbackMoments), name, symbol: count }))),
  unwinding: v.exactOptional(v.picklist(["required", "wanted"])),
  proof: v.strictObject({ units: count, functions: count, bytes: count, waivedFor: v.exactOptional(count) }),
});

const buildRecord = v.strictObject({
  units: list(v.strictObject({ unit: name, producer: line(longestName), command: list(line(longestName)) })),
  notes: list(line(longestName)),
  allowedLayouts: list(name),
});

export const manifestSchema: v.GenericSchema<unknown, PatchManifest> = v.strictObject({
  format: v.literal(imageFormat),
  name: patchName,
  description: v.pipe(v.string(), v.maxLength(65_536, "longer than 65536 characters")),
  architecture: v.literal("x86-64"),
  diffs: list(v.strictObject({ name: line(4096), text: v.string() })),
  compilers: list(line(4096)),
  objects: v.pipe(list(patchObject), v.minLength(1, "empty")),
  build: v.exactOptional(buildRecord),
});
