// `suture run`: a recipe, with the parameters that it describes itself.

import { Console } from "node:console";
import { loadRecipe, readParameters, runRecipe, spellParameter, type Recipe } from "../../recipes/mod.ts";
import type { RecipeDescription } from "../results.ts";
import { defineCommand } from "./command.ts";

export const run = defineCommand<[file: string, words: readonly string[]], object>({
  configure: (command) => command
    .usage("[options] <recipe.ts> [--parameter value...]")
    .argument("<recipe>", "a TypeScript file whose default export comes from defineRecipe")
    .argument("[parameters...]", "the recipe's own parameters; <recipe> --help lists them")
    // What follows the recipe is the recipe's.
    .passThroughOptions()
    .allowUnknownOption(),
  examples: ["run recipes/redis.ts --help", "run recipes/redis.ts --pid 4242 --source redis-7.0.15 --target redis-server --patch fix.patch"],
  exitCodes: [0, 2, 3, 4, 5, 6, 7, 8],
  async run({ session, attachedPid, json, say }, [file, words]) {
    // A recipe's own console.log must not end up in the middle of the document.
    if (json) globalThis.console = new Console(process.stderr, process.stderr);
    const loaded = await loadRecipe(file);
    const own = words.filter((word) => word !== "--json");
    if (own.includes("--help") || own.includes("-h")) return { result: { type: "recipe-help", help: describe(loaded.recipe, file) } };
    const values = readParameters(loaded.recipe.parameters, own, attachedPid === undefined ? {} : { pid: attachedPid });
    const recipe = await session.whileCleaningUpItself(() =>
      runRecipe(loaded, values, { tracer: () => session.tracer(), signal: session.signal, log: say }));
    return { result: { type: "recipe", recipe } };
  },
});

const describe = ({ name, description, parameters }: Recipe, file: string): RecipeDescription => ({
  name,
  description,
  file,
  parameters: Object.entries(parameters).map(([name, parameter]) => ({ name, option: spellParameter(name), ...parameter })),
});
