// What a recipe is: a name, the parameters that it takes, and work written in TypeScript against the engine's typed
// calls. A recipe is a program: it is run with the rights of whoever runs it, and is to be trusted like any other script.

import type { ParameterDescriptions, ParameterValues } from "./parameters.ts";
import type { RecipeEngine } from "./engine.ts";
import type { JsonValue } from "../native/mod.ts";

export interface Recipe<Parameters extends ParameterDescriptions = ParameterDescriptions> {
  readonly name: string;
  /** One line. */
  readonly description: string;
  readonly parameters: Parameters;
  /** What is returned becomes `value` of the result. Whatever is thrown is the recipe's failure. */
  // Written as a method, so that a recipe of known parameters is also a recipe of any.
  run(context: RecipeContext<Parameters>): Promise<JsonValue | void>;
}

/** What a recipe may use while it runs. */
export interface RecipeContext<Parameters extends ParameterDescriptions = ParameterDescriptions> {
  readonly parameters: ParameterValues<Parameters>;
  /** The same calls that the subcommands make. */
  readonly suture: RecipeEngine;
  /** One line about what goes on. */
  readonly log: (line: string) => void;
  /** Records whether something holds; the recipe fails when it does not. */
  readonly check: (name: string, predicate: () => boolean | Promise<boolean>) => Promise<void>;
  /** Aborted when the user wants out: put things in order and return. */
  readonly signal: AbortSignal;
}

// Known under this name in every copy of this module, so that a recipe that brings its own copy is still recognised.
const brand = Symbol.for("suture.recipe");

/** The default export of every recipe file. */
export const defineRecipe = <const Parameters extends ParameterDescriptions>(recipe: Recipe<Parameters>): Recipe<Parameters> =>
  Object.freeze(Object.assign({ [brand]: true }, recipe));

export const isRecipe = (value: unknown): value is Recipe =>
  typeof value === "object" && value !== null && Reflect.get(value, brand) === true;
