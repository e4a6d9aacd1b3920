// The door of the recipes: what a recipe imports as "suture", and what loads and runs one.

export * from "./suture.ts";
export { loadRecipe } from "./load.ts";
export type { LoadedRecipe } from "./load.ts";
export { readParameters, spellParameter } from "./parameters.ts";
export { runRecipe } from "./runner.ts";
export type { RecipeCheck, RecipeResult, RecipeSession } from "./runner.ts";
