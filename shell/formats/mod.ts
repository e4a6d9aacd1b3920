// Results as text and as JSON: one exhaustive switch each. The formats know the types of results and nothing of how
// they came about.

import type { CommandResult, InspectResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { formatBuilt, formatCaptured } from "./built.ts";
import { formatDebug } from "./debug.ts";
import { formatInspect } from "./inspect.ts";
import { toJsonValue } from "./json.ts";
import { formatList } from "./list.ts";
import { formatPatchability } from "./patchability.ts";
import { formatRecipe, formatRecipeHelp } from "./recipe.ts";
import { formatRecovered } from "./recovered.ts";
import { formatSymbols } from "./symbols.ts";
import { formatStacks, formatThreads } from "./threads.ts";
import { formatTransaction } from "./transaction.ts";
import { formatVerify } from "./verify.ts";
import { formatWatched } from "./watched.ts";

export { formatError } from "./error.ts";

/** For people. */
export function formatText(result: CommandResult, style: Style): string {
  switch (result.type) {
    case "built": return formatBuilt(result.built, style);
    case "captured": return formatCaptured(result.captured, style);
    case "inspected": return formatInspect(result.inspected, style);
    case "transaction": return formatTransaction(result.transaction, style);
    case "watched": return formatWatched(result.watched, style);
    case "list": return formatList(result.processes, style);
    case "verified": return formatVerify(result.verified, style);
    case "verified-several": return result.reports.length === 0 ? "No patch is applied" : result.reports.map((report) => formatVerify(report, style)).join("\n");
    case "recovered": return formatRecovered(result.recovered, style);
    case "recovered-several": return result.reports.map((report) => formatRecovered(report, style)).join("\n");
    case "threads": return formatThreads(result.threads);
    case "stacks": return formatStacks(result.stacks, style);
    case "symbols": return formatSymbols(result.symbols);
    case "debug": return formatDebug(result.debug);
    case "patchability": return formatPatchability(result.functions, style);
    case "recipe": return formatRecipe(result.recipe, style);
    case "completion": return result.completion.script;
    case "recipe-help": return formatRecipeHelp(result.help, style);
  }
}

/** For scripts: one document, on one line unless a person is looking. */
export const formatJson = (result: CommandResult, indented: boolean): string =>
  JSON.stringify(toJsonValue(documentOf(result)), undefined, indented ? 2 : undefined);

/** The documented shape of each result: the engine's own type wherever there is one. */
function documentOf(result: CommandResult): unknown {
  switch (result.type) {
    case "built": return result.built;
    case "captured": return result.captured;
    case "inspected": return inspectedDocument(result.inspected);
    case "transaction": return result.transaction;
    case "watched": return result.watched;
    case "list": return result.processes;
    case "verified": return result.verified;
    case "verified-several": return result.reports;
    case "recovered": return result.recovered;
    case "recovered-several": return result.reports;
    case "threads": return result.threads;
    case "stacks": return result.stacks;
    case "symbols": return result.symbols;
    case "debug": return result.debug;
    case "patchability": return result.functions;
    case "recipe": return result.recipe;
    case "completion": return result.completion;
    case "recipe-help": return result.help;
  }
}

/** The manifest holds the diffs, so that asking to see them changes nothing here. */
const inspectedDocument = ({ file, bytes, digest, manifest, debugBytes, disassembly }: InspectResult): unknown => ({ file, bytes, digest, debugBytes, ...manifest, disassembly });
