// The parameters of a recipe: described by the recipe, read from the command line, typed for the recipe's code.

import { resolve } from "node:path";
import { SutureError } from "../native/mod.ts";

/** One parameter. It is required unless it has a default. */
export type ParameterDescription =
  | { readonly type: "text"; readonly description: string; readonly default?: string }
  /** A file or directory; taken relative to the working directory and made absolute. */
  | { readonly type: "path"; readonly description: string; readonly default?: string }
  | { readonly type: "number"; readonly description: string; readonly default?: number }
  /** A process id. In a shell that is attached to a process, that process is the default. */
  | { readonly type: "pid"; readonly description: string; readonly default?: number }
  /** `--name` or `--no-name`; false unless it says otherwise. */
  | { readonly type: "flag"; readonly description: string; readonly default?: boolean };

export type ParameterDescriptions = { readonly [name: string]: ParameterDescription };

type ValueOf<Description extends ParameterDescription> =
  Description["type"] extends "text" | "path" ? string : Description["type"] extends "flag" ? boolean : number;

export type ParameterValues<Descriptions extends ParameterDescriptions> = {
  readonly [Name in keyof Descriptions]: ValueOf<Descriptions[Name]>;
};

type Values = Record<string, string | number | boolean>;

export interface ReadOptions {
  /** The default of parameters that are process ids. */
  readonly pid?: number;
}

/**
 * Reads `--name value`, `--name=value`, `--flag` and `--no-flag`. Refuses names that the recipe does not know, values of
 * the wrong type, and missing ones.
 */
export function readParameters<Descriptions extends ParameterDescriptions>(
  descriptions: Descriptions,
  words: readonly string[],
  { pid }: ReadOptions = {},
): ParameterValues<Descriptions> {
  const values: Values = { ...defaultsOf(descriptions, pid), ...readWords(descriptions, words) };
  const missing = Object.keys(descriptions).filter((name) => values[name] === undefined);
  if (missing.length > 0) throw usage(`missing ${missing.map(spellParameter).join(", ")}`);
  return values as ParameterValues<Descriptions>;
}

function defaultsOf(descriptions: ParameterDescriptions, pid: number | undefined): Values {
  const defaults = Object.entries(descriptions).map(([name, { type, default: value }]) =>
    [name, value ?? (type === "flag" ? false : type === "pid" ? pid : undefined)] as const);
  return Object.fromEntries(defaults.filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined));
}

function readWords(descriptions: ParameterDescriptions, words: readonly string[]): Values {
  const values: Values = {};
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, spelled = "", inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const name = nameOf(descriptions, spelled);
    const description = name === undefined ? undefined : descriptions[name];
    if (name === undefined || description === undefined) throw unknownWord(descriptions, word);
    if (description.type === "flag") {
      if (inline !== undefined) throw usage(`${spellParameter(name)} takes no value`);
      values[name] = !(spelled.startsWith("no-") && spelled !== kebab(name));
    } else {
      const value = inline ?? rest.shift();
      if (value === undefined) throw usage(`${spellParameter(name)} needs a value`);
      values[name] = readValue(name, description, value);
    }
  }
  return values;
}

/** `maxStop` may be written `--maxStop` or `--max-stop`. */
function nameOf(descriptions: ParameterDescriptions, spelled: string): string | undefined {
  const names = Object.keys(descriptions);
  return names.find((name) => spelled === name || spelled === kebab(name))
    ?? names.find((name) => descriptions[name]?.type === "flag" && spelled === `no-${kebab(name)}`);
}

function readValue(name: string, { type }: ParameterDescription, text: string): string | number {
  switch (type) {
    case "path": return resolve(text);
    case "number": return readNumber(name, text, /^-?\d+(\.\d+)?$/, "a number");
    case "pid": return readNumber(name, text, /^[1-9]\d{0,8}$/, "a process id");
    default: return text;
  }
}

function readNumber(name: string, text: string, form: RegExp, wanted: string): number {
  if (form.test(text)) return Number(text);
  throw usage(`${spellParameter(name)} is "${text}", which is not ${wanted}`);
}

function unknownWord(descriptions: ParameterDescriptions, word: string): SutureError {
  const known = Object.keys(descriptions).map(spellParameter).join(", ");
  return usage(`unknown parameter "${word}"; the recipe takes ${known === "" ? "none" : known}`);
}

const usage = (found: string): SutureError => new SutureError("usage", `Cannot read the recipe's parameters: ${found}`);

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A parameter's name as a command line spells it. */
export const spellParameter = (name: string): string => `--${kebab(name)}`;
