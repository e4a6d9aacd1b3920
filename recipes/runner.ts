// Runs a recipe that has been loaded: gives it its context, records its checks, and turns whatever it throws into one
// error with the recipe's own words and the place where it gave up.

import { SutureError, type JsonValue, type TracerClient } from "../native/mod.ts";
import { createRecipeEngine } from "./engine.ts";
import type { LoadedRecipe } from "./load.ts";
import type { ParameterDescriptions, ParameterValues } from "./parameters.ts";

/** What a recipe needs of whoever runs it. */
export interface RecipeSession {
  readonly tracer: () => Promise<TracerClient>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface RecipeCheck {
  readonly name: string;
  readonly passed: boolean;
}

/** `suture run`. */
export interface RecipeResult {
  readonly result: "done";
  readonly recipe: { readonly name: string; readonly path: string };
  readonly checks: readonly RecipeCheck[];
  readonly log: readonly string[];
  /** What the recipe returned; null when nothing. */
  readonly value: JsonValue;
  readonly milliseconds: number;
}

/** Refuses: recipe-failed, with the checks made so far; interrupted. */
export async function runRecipe(
  { recipe, path }: LoadedRecipe,
  parameters: ParameterValues<ParameterDescriptions>,
  session: RecipeSession,
): Promise<RecipeResult> {
  const started = performance.now();
  const checks: RecipeCheck[] = [];
  const log: string[] = [];
  const context = {
    parameters,
    suture: createRecipeEngine(session.tracer),
    signal: session.signal,
    log: (line: string) => {
      log.push(line);
      session.log(line);
    },
    check: async (name: string, predicate: () => boolean | Promise<boolean>) => {
      const passed = await predicate();
      checks.push({ name, passed });
      session.log(`${passed ? "ok" : "FAILED"}: ${name}`);
      if (!passed) throw new Error(`check failed: ${name}`);
    },
  };
  try {
    const value = await recipe.run(context) ?? null;
    return { result: "done", recipe: { name: recipe.name, path }, checks, log, value, milliseconds: Math.round(performance.now() - started) };
  } catch (error) {
    throw recipeFailure(error, { name: recipe.name, path, checks, log, isInterrupted: session.signal.aborted });
  }
}

interface FailedRun {
  readonly name: string;
  readonly path: string;
  readonly checks: readonly RecipeCheck[];
  readonly log: readonly string[];
  readonly isInterrupted: boolean;
}

function recipeFailure(error: unknown, { name, path, checks, log, isInterrupted }: FailedRun): SutureError {
  const found = error instanceof Error ? error.message : String(error);
  const location = locationIn(path, error);
  const data = {
    recipe: name,
    path,
    ...(location === undefined ? {} : { location }),
    // A refusal of the engine keeps its kind, so that a script can tell "blocked" from a probe that failed.
    ...(error instanceof SutureError ? { cause: error.toJSON().error } : {}),
    checks: checks.map((check) => ({ ...check })),
    log,
  };
  const kind = isInterrupted ? "interrupted" : "recipe-failed";
  return new SutureError(kind, `Cannot finish recipe ${name}${location === undefined ? "" : ` (${location})`}: ${found}`, data, { cause: error });
}

/** `redis.ts:42`, where the innermost frame in the recipe's own file stands. */
function locationIn(path: string, error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  const frame = stack.split("\n").find((line) => line.includes(`${path}:`));
  const line = frame?.slice(frame.indexOf(`${path}:`) + path.length + 1).match(/^\d+/)?.[0];
  return line === undefined ? undefined : `${path.slice(path.lastIndexOf("/") + 1)}:${line}`;
}
