// The helper's own build and unit tests, plain and under sanitizers, each in a build directory that is kept.

import { join } from "node:path";
import { helperBuildDirectory, helperSources, sanitizedOptions } from "../../test/support/mod.ts";
import { runCommand, runDoctest, type Count } from "./runners.ts";

export type Variant = "plain" | "sanitized";

/** Warnings are errors there. */
export async function buildHelper(variant: Variant): Promise<Count> {
  const build = await helperBuildDirectory(variant);
  const options = variant === "sanitized" ? sanitizedOptions : [];
  const configured = await runCommand(["cmake", "-S", helperSources, "-B", build, "-G", "Ninja", ...options, "--log-level=WARNING"]);
  return configured.failed > 0 ? configured : runCommand(["cmake", "--build", build, "--parallel", "2"]);
}

export async function testHelper(variant: Variant): Promise<Count> {
  return runDoctest([join(await helperBuildDirectory(variant), "suture-tracer-tests")]);
}
