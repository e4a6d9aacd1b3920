// `inspect`: an image as its manifest states it: for which modules, what is redirected, what travels along, what it
// needs from the process.

import { formatAddress, type PatchedFunction, type PatchObject } from "../../native/mod.ts";
import type { InspectResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { alignColumns, count } from "./columns.ts";

export function formatInspect({ file, bytes, digest, manifest }: InspectResult, style: Style): string {
  const facts: readonly (readonly [string, string])[] = [
    ["description", manifest.description],
    ["file", `${file}, ${bytes} bytes`],
    ["digest", digest],
    ["format", `${manifest.format}, ${manifest.architecture}`],
    ["diffs", manifest.diffs.map(({ name }) => name).join(", ")],
    ["compiler", manifest.compilers.join(", ")],
  ];
  const lines = facts.filter(([, text]) => text !== "").map(([name, text]) => `  ${name.padEnd(13)}${text}`);
  return [style.bold(manifest.name), ...lines, ...manifest.objects.flatMap((object) => formatObject(object, style))].join("\n");
}

function formatObject(object: PatchObject, style: Style): readonly string[] {
  const { module, functions, values, added, imports, proof } = object;
  return [
    "",
    `${style.bold(module.name)} (${module.kind}, build-id ${module.buildId})`,
    `  proved against ${count(proof.functions, "function")} of ${count(proof.units, "unit")}, ${proof.bytes} bytes`,
    ...alignColumns(
      ["  FUNCTION", "UNIT", "OLD", "SIZE", "NEW SIZE", "WHY"],
      functions.map((one) => [`  ${one.name}`, one.unit, formatAddress(one.oldEntry), `${one.oldSize}`, `${one.newSize}`, one.reason]),
    ),
    ...functions.flatMap((one) => formatWarnings(one, style)),
    ...values.map((one) => `  sets: ${one.name} at ${formatAddress(one.variable)}+${one.offset} to ${hex(one.replacement)} if it is ${hex(one.expected)}`),
    ...added.map((one) => `  new: ${one.name} (${one.unit}), ${one.newSize} bytes`),
    `  needs ${count(imports.length, "symbol")} of the process`,
  ];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const formatWarnings = ({ name, warnings }: PatchedFunction, style: Style): readonly string[] =>
  warnings.map((warning) => `  ${style.yellow("warning")}: ${name}: ${warning}`);
