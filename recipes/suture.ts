// What recipes import as "suture".
//
// `Deno` is the namespace of Deno 1.40 over Node (no `Deno.Command`; use `$`). Its permission calls answer "granted" and
// enforce nothing: a recipe is trusted code. `$` is zx's.

export { Deno } from "@deno/shim-deno";
export { $ } from "zx/core";
export { formatAddress, SutureError } from "../native/mod.ts";
export type * from "../native/mod.ts";
export { defineRecipe } from "./recipe.ts";
export type { Recipe, RecipeContext } from "./recipe.ts";
export type { ParameterDescription, ParameterDescriptions, ParameterValues } from "./parameters.ts";
export type { PatchSource, ProcessOptions, RecipeEngine } from "./engine.ts";
