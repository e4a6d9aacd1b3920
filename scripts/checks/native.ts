// The helper's own build and unit tests, plain and under sanitizers, each in a build directory that is kept.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheDirectory } from "../../test/support/mod.ts";
import { root, runCommand, runDoctest, type Count } from "./runners.ts";

export type Variant = "plain" | "sanitized";

/** Warnings are errors there. */
export async function buildHelper(variant: Variant): Promise<Count> {
  const build = await buildDirectory(variant);
  const sanitize = `-DSUTURE_SANITIZE=${variant === "sanitized" ? "ON" : "OFF"}`;
  const configured = await runCommand(["cmake", "-S", join(root, "native/tracer"), "-B", build, "-G", "Ninja", sanitize, "--log-level=WARNING"]);
  return configured.failed > 0 ? configured : runCommand(["cmake", "--build", build, "--parallel", "2"]);
}

export async function testHelper(variant: Variant): Promise<Count> {
  return runDoctest([join(await buildDirectory(variant), "suture-tracer-tests")]);
}

async function buildDirectory(variant: Variant): Promise<string> {
  const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);
  return cacheDirectory(`checks-${checkout}`, variant);
}
