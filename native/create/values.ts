// `--set 'variable=VALUE if VALUE'`: what a patch writes into a variable of the running program, in the stop that switches
// its code. Where the variable is, and how long, the symbol table says; what a number means there, debug information.
//
// Refuses by name: variables that are not there, or several of a name; constants and thread-local variables; numbers for
// what is no integer, or is too short for them; bytes of another length than what they are for.

import { fileAddress } from "../address.ts";
import { sectionFlag } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { ValueWrite } from "../image/mod.ts";
import type { Program } from "../patchability/mod.ts";
import type { StructureLayout, TracerClient } from "../tracer.ts";

/** `[unit:]variable[.member…][+offset]`, its new value and the one that it must have. */
interface Setting {
  readonly text: string;
  readonly name: string;
  readonly unit: string | undefined;
  readonly path: readonly string[];
  readonly offset: number | undefined;
  readonly replacement: string;
  readonly expected: string;
}

type Variable = ReturnType<Program["variablesNamed"]>[number];

/** Refuses: usage, unknown-variable, not-patchable. */
export async function resolveValues(tracer: TracerClient, program: Program, texts: readonly string[]): Promise<readonly ValueWrite[]> {
  if (texts.length === 0) return [];
  const settings = texts.map(parseSetting);
  const layouts = await tracer.layouts(program.debugPath);
  return settings.map((setting) => resolveValue(setting, program, layouts));
}

const pattern = /^\s*(?:(?<unit>[^\s:=]+):)?(?<path>[A-Za-z_$][\w$]*(?:\.[\w$]+)*)(?:\+(?<offset>\d+|0x[0-9a-fA-F]+))?\s*=\s*(?<replacement>\S+)\s+if\s+(?<expected>\S+)\s*$/;

function parseSetting(text: string): Setting {
  const { unit, path = "", offset, replacement = "", expected = "" } = pattern.exec(text)?.groups ?? {};
  if (path === "") throw new SutureError("usage", `Cannot set a value: "${text}" is not of the form "variable=VALUE if VALUE"; a VALUE is a number or hex:BYTES`, { setting: text });
  const name = text.slice(0, text.indexOf("=")).trim();
  return { text, name, unit, path: path.split("."), offset: offset === undefined ? undefined : Number(offset), replacement, expected };
}

function resolveValue(setting: Setting, program: Program, layouts: readonly StructureLayout[]): ValueWrite {
  const { variable, members } = findVariable(setting, program);
  checkWritable(setting, variable, program);
  const field = findField(setting, variable, members, layouts);
  const [expected, replacement] = [setting.expected, setting.replacement].map((value) => bytesOf(setting, value, field));
  if (expected === undefined || replacement === undefined || Buffer.from(expected).equals(replacement)) throw refuseSetting(setting, "its two values are the same");
  if (expected.length !== replacement.length) throw refuseSetting(setting, `its values are ${replacement.length} and ${expected.length} bytes long`);
  return { name: setting.name, variable: fileAddress(variable.symbol.value), offset: field.offset, expected, replacement };
}

/** A symbol may have dots in its name, as a function's static variable has. */
function findVariable(setting: Setting, program: Program): { readonly variable: Variable; readonly members: readonly string[] } {
  for (let length = 1; length <= setting.path.length; length++) {
    const named = program.variablesNamed(setting.path.slice(0, length).join("."));
    const found = named.filter((each) => setting.unit === undefined || isOfUnit(each, setting.unit));
    const [variable, second] = found;
    if (second !== undefined) throw ambiguous(setting, found);
    if (variable !== undefined) return { variable, members: setting.path.slice(length) };
    if (named.length > 0) throw unknown(setting, program, `${setting.path[0] ?? ""} is not of ${setting.unit ?? ""}, but of ${named.map(unitNameOf).join(", ")}`);
  }
  throw unknown(setting, program, "it has no variable of this name");
}

const unitNameOf = ({ unit, file }: Variable): string => unit?.name ?? file ?? "no unit in particular";
const isOfUnit = (variable: Variable, wanted: string): boolean =>
  [variable.unit?.name, variable.file].some((name) => name === wanted || name?.endsWith(`/${wanted}`) === true);

function unknown({ name }: Setting, program: Program, found: string): SutureError {
  return new SutureError("unknown-variable", `Cannot set ${name} in ${program.name}: ${found}`, { variable: name, program: program.name });
}

const ambiguous = (setting: Setting, found: readonly Variable[]): SutureError =>
  refuseSetting(setting, `there are several of this name; say which: ${found.map((each) => `${unitNameOf(each)}:${setting.path[0] ?? ""}`).join(", ")}`);

function refuseSetting({ name, text }: Setting, found: string): SutureError {
  return new SutureError("not-patchable", `Cannot set ${name}: ${found}`, { variable: name, setting: text });
}

function checkWritable(setting: Setting, { symbol }: Variable, { elf }: Program): void {
  if (symbol.type === "tls") throw refuseSetting(setting, "it is thread-local, and each thread has its own");
  const section = typeof symbol.section === "number" ? elf.sections[symbol.section] : undefined;
  if (section === undefined || symbol.size === 0) throw refuseSetting(setting, "its symbol has no place or no size");
  const isConstant = (section.flags & sectionFlag.write) === 0 || section.name.startsWith(".data.rel.ro");
  if (isConstant) throw refuseSetting(setting, `it is a constant (in ${section.name}), and code may know its value by heart; change it by a diff`);
}

interface Field {
  readonly offset: number;
  readonly size: number;
  /** How its bits are read; undefined where nobody knows. */
  readonly type: string | undefined;
  /** Bytes of any number are meant, from there on. */
  readonly isOpen: boolean;
}

function findField(setting: Setting, { symbol }: Variable, members: readonly string[], layouts: readonly StructureLayout[]): Field {
  const type = typeOfVariable(setting.path.slice(0, setting.path.length - members.length).join("."), symbol.size, layouts);
  const whole = { offset: 0, size: symbol.size, type, isOpen: false };
  const field = members.length === 0 ? whole : memberOf(setting, whole, members, layouts);
  if (setting.offset === undefined) return field;
  if (setting.offset >= field.size) throw refuseSetting(setting, `it has ${field.size} bytes, and ${setting.offset} is beyond them`);
  return { offset: field.offset + setting.offset, size: field.size - setting.offset, type: undefined, isOpen: true };
}

/** Undefined where two variables of this name and size are read in different ways. */
function typeOfVariable(name: string, size: number, layouts: readonly StructureLayout[]): string | undefined {
  const types = new Set(layouts.filter((each) => each.kind === "variable" && each.name === name && each.size === size).map(({ members: [only] }) => only?.type));
  return types.size === 1 ? [...types][0] : undefined;
}

function memberOf(setting: Setting, around: Field, path: readonly string[], layouts: readonly StructureLayout[]): Field {
  const structures = layouts.filter(({ kind, name, size }) => `${kind} ${name}` === around.type && size === around.size);
  if (structures.length === 0) throw refuseSetting(setting, `the members of ${around.type ?? "its type"} are not known; give an offset and bytes, as in ${setting.path[0] ?? ""}+8=hex:01 if hex:00`);
  for (let length = path.length; length > 0; length--) {
    const found = structures.map(({ members }) => members.find(({ name }) => name === path.slice(0, length).join(".")));
    const [member] = found;
    if (member === undefined) continue;
    if (found.some((each) => each?.bitOffset !== member.bitOffset || each.bitSize !== member.bitSize)) throw refuseSetting(setting, `${around.type ?? ""} is laid out differently in different units; give an offset and bytes`);
    if (member.bitOffset % 8 !== 0 || member.bitSize % 8 !== 0) throw refuseSetting(setting, `${member.name} is a bit-field; give an offset and the bytes around it`);
    const field = { offset: around.offset + member.bitOffset / 8, size: member.bitSize / 8, type: member.type, isOpen: false };
    return length === path.length ? field : memberOf(setting, field, path.slice(length), layouts);
  }
  throw refuseSetting(setting, `${around.type ?? ""} has no member ${path[0] ?? ""}`);
}

function bytesOf(setting: Setting, value: string, field: Field): Uint8Array {
  const hex = /^hex:((?:[0-9a-fA-F]{2})+)$/.exec(value)?.[1];
  if (hex !== undefined) return rawBytes(setting, new Uint8Array(Buffer.from(hex, "hex")), field);
  if (!/^-?(?:\d+|0x[0-9a-fA-F]+)$/.test(value)) throw refuseSetting(setting, `"${value}" is neither a number nor hex:BYTES`);
  return integerBytes(setting, value, field);
}

function rawBytes(setting: Setting, bytes: Uint8Array, { size, isOpen }: Field): Uint8Array {
  if (bytes.length > size || (!isOpen && bytes.length < size)) throw refuseSetting(setting, `it has ${size} bytes, and ${bytes.length} are given`);
  if (bytes.length > mostBytes) throw refuseSetting(setting, `${bytes.length} bytes are more than ${mostBytes}`);
  return bytes;
}

const mostBytes = 4096;

function integerBytes(setting: Setting, text: string, { size, type, isOpen }: Field): Uint8Array {
  if (isOpen) throw refuseSetting(setting, "at an offset only bytes have a length; write hex:BYTES");
  if (type === undefined || !isInteger(type) || ![1, 2, 4, 8].includes(size)) throw refuseSetting(setting, `it is ${type === undefined ? "of a type that is not known" : `${aOrAn(type)} ${type}`} of ${size} bytes, and no integer; write hex:BYTES`);
  const isNegative = text.startsWith("-");
  const value = isNegative ? -BigInt(text.slice(1)) : BigInt(text);
  const bits = 8 * size;
  if (value < -(1n << BigInt(bits - 1)) || value >= 1n << BigInt(bits)) throw refuseSetting(setting, `${text} does not fit into its ${size} bytes`);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return new Uint8Array(bytes.subarray(0, size));
}

const aOrAn = (type: string): string => (/^[aeiou]/.test(type) ? "an" : "a");

/** Names of types in C; a typedef's only where everybody knows it. */
const isInteger = (type: string): boolean =>
  !/[*[&]|float|double|struct|union|class|function|array|pointer/.test(type) &&
  /\b(?:integer|int|char|short|long|signed|unsigned|_Bool|bool|enum|u?int(?:8|16|32|64)_t|s?size_t|off_t|time_t|u?intptr_t|pid_t|uid_t|gid_t|mode_t)\b/.test(type);
