// `inspect`: an image as its manifest states it. First what it is and what it was made from, then for each module what is
// redirected and why, what travels along, and what it needs from the process; on request the diffs and the code.

import { formatAddress, type FunctionDisassembly, type Import, type PatchedFunction, type PatchManifest, type PatchObject } from "../../native/mod.ts";
import type { InspectResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { alignColumns, count } from "./columns.ts";

export function formatInspect(inspected: InspectResult, style: Style): string {
  const { manifest, withDiffs, disassembly } = inspected;
  return [
    style.bold(manifest.name),
    ...formatFacts(inspected),
    ...manifest.objects.flatMap((object) => formatObject(object, style)),
    ...formatBuild(manifest, style),
    ...(withDiffs === true ? manifest.diffs.flatMap(({ name, text }) => ["", style.bold(`diff ${name}`), ...colourDiff(text.replace(/\n$/, "").split("\n").map(printable), style)]) : []),
    ...(disassembly ?? []).flatMap((each) => formatDisassembly(each, style)),
  ].join("\n");
}

function formatFacts({ file, bytes, digest, manifest, debugBytes }: InspectResult): readonly string[] {
  const facts: readonly (readonly [string, string])[] = [
    ["description", printable(manifest.description)],
    ["file", `${file}, ${bytes.toLocaleString("en")} bytes, format ${manifest.format} for ${manifest.architecture}`],
    ["sha256", digest],
    ["debug info", debugBytes === 0 ? "names of functions, and no source lines" : `names of functions and source lines, ${debugBytes.toLocaleString("en")} bytes`],
    ...manifest.diffs.map(({ name, text }, index) => [index === 0 ? "made from" : "", `${name} (${describeDiff(text)})`] as const),
  ];
  return facts.filter(([, text]) => text !== "").map(([name, text]) => `  ${name.padEnd(13)}${text}`);
}

/** Lines added and removed, and in how many files. */
function describeDiff(text: string): string {
  const lines = text.split("\n");
  const files = lines.filter((line) => line.startsWith("+++ ")).length;
  const added = lines.filter((line) => line.startsWith("+")).length - files;
  const removed = lines.filter((line) => line.startsWith("-") && !line.startsWith("--- ") && line !== "-- ").length;
  return `+${added} −${removed} lines in ${count(files, "file")}`;
}

function formatObject(object: PatchObject, style: Style): readonly string[] {
  const { module, functions, values, added, imports, callbacks = [], unwinding } = object;
  return [
    "",
    `${style.bold(module.name)} (${module.kind}, build-id ${module.buildId})`,
    `  ${describeProof(object)}`,
    ...(object.proof.waivedFor === undefined ? [] : [`  ${style.yellow("proof waived")}: ${count(object.proof.waivedFor, "function")} of these units ${object.proof.waivedFor === 1 ? "is another" : "are others"} in the program`]),
    ...alignColumns(
      ["  FUNCTION", "UNIT", "AT", "SIZE", "NEW SIZE", "WHY"],
      functions.map((one) => [`  ${one.name}`, one.unit, formatAddress(one.oldEntry), `${one.oldSize}`, `${one.newSize}`, one.reason]),
    ),
    ...functions.flatMap((one) => formatWarnings(one, style)),
    ...values.map((one) => `  sets: ${one.name} at ${formatAddress(one.variable)}+${one.offset} to ${hex(one.replacement)} if it is ${hex(one.expected)}`),
    ...added.map((one) => `  new: ${one.name} (${one.unit}), ${one.newSize} bytes`),
    ...callbacks.map(({ when, name }) => `  callback: ${name}, ${when}`),
    ...(unwinding === "required" ? ["  exceptions may come through: its unwind table is registered with the process's unwinder"] : []),
    ...formatImports(imports),
  ];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const describeProof = ({ proof }: PatchObject): string => proof.functions === 0
  ? "not proved: nothing was compared with the program's code"
  : `proved: ${count(proof.functions, "function")} of ${count(proof.units, "unit")}, ${proof.bytes.toLocaleString("en")} bytes, are those of the program`;

const formatWarnings = ({ name, warnings }: PatchedFunction, style: Style): readonly string[] =>
  warnings.map((warning) => `  ${style.yellow("warning")}: ${name}: ${warning}`);

const mostNamed = 8;

/** What the process must have; what its own file has is proved already. */
function formatImports(imports: readonly Import[]): readonly string[] {
  const own = imports.filter(({ from }) => from !== "process");
  const others = imports.filter(({ from }) => from === "process").map((each) => (each.from === "process" && each.version !== undefined ? `${each.name}@${each.version}` : each.name));
  const named = others.slice(0, mostNamed).join(", ") + (others.length > mostNamed ? ` and ${others.length - mostNamed} more` : "");
  return [
    ...(own.length === 0 ? [] : [`  uses ${count(own.length, "symbol")} of the module itself`]),
    ...(others.length === 0 ? [] : [`  needs of the process's libraries: ${named}`]),
  ];
}

function formatBuild({ build }: PatchManifest, style: Style): readonly string[] {
  if (build === undefined) return [];
  const { units, notes, allowedLayouts } = build;
  return [
    "",
    style.bold("compiled"),
    ...units.flatMap(({ unit, producer, command }) => [`  ${unit}: ${producer}`, `    ${command.join(" ")}`]),
    ...notes.map((text) => `  ${style.yellow("note")}: ${text}`),
    ...allowedLayouts.map((name) => `  ${style.yellow("note")}: ${name} may change its layout, on the author's word`),
  ];
}

function formatDisassembly({ function: name, unit, module, new: fresh, difference }: FunctionDisassembly, style: Style): readonly string[] {
  const title = style.bold(`code of ${name} (${unit}, ${module})`);
  if (difference === undefined) return ["", `${title}, new; --target PROGRAM shows it against the old`, ...fresh];
  return ["", `${title}, old (-) against new (+)`, ...(difference.length === 0 ? ["  the same, instruction by instruction; what they refer to differs"] : colourDiff(difference, style))];
}

const colourDiff = (lines: readonly string[], style: Style): readonly string[] =>
  lines.map((line) => (line.startsWith("+") ? style.green(line) : line.startsWith("-") ? style.red(line) : line.startsWith("@@") ? style.dim(line) : line));

/** The diffs are texts from elsewhere; a terminal shall not obey them. */
const printable = (text: string): string => text.replaceAll(/[^\P{C}\t]/gu, "?");
