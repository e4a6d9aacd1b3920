// `run`: how a recipe ended (what it said has been printed while it ran), and what a recipe takes.

import type { RecipeResult } from "../../recipes/mod.ts";
import type { RecipeDescription } from "../results.ts";
import type { Style } from "../terminal.ts";
import { alignColumns, count } from "./columns.ts";

export function formatRecipe({ recipe, checks, milliseconds }: RecipeResult, style: Style): string {
  return `${style.green("Done")}: ${recipe.name}, ${count(checks.length, "check")} passed, ${(milliseconds / 1000).toFixed(1)} s`;
}

export function formatRecipeHelp({ name, description, file, parameters }: RecipeDescription, style: Style): string {
  const rows = parameters.map((one) => [
    `  ${one.option}`,
    one.type,
    one.default === undefined && one.type !== "flag" ? "required" : `${one.default ?? false}`,
    one.description,
  ]);
  return [
    `${style.bold(name)}: ${description}`,
    "",
    `Usage: suture run ${file} [--parameter value...]`,
    "",
    ...(rows.length === 0 ? ["It takes no parameters"] : alignColumns(["  PARAMETER", "TYPE", "DEFAULT", "MEANING"], rows)),
  ].join("\n");
}
