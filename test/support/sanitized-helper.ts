// The helper as built for tests: under AddressSanitizer and UndefinedBehaviorSanitizer, and with places where it can be
// killed (native/tracer/fault-points.h). `npm test` builds it before the tests; a test that is run alone builds it itself.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache.ts";
import { withFileLock } from "./file-lock.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export const helperSources = join(root, "native/tracer");

/** Where a variant of the helper is built; kept between runs, one for each checkout. */
export async function helperBuildDirectory(variant: string): Promise<string> {
  const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);
  return cacheDirectory(`checks-${checkout}`, variant);
}

export const sanitizedOptions: readonly string[] = ["-DSUTURE_SANITIZE=ON", "-DSUTURE_FAULT_POINTS=ON"];

/** Path of the program. Takes minutes when nothing has been built yet, and a moment afterwards. */
export async function sanitizedHelper(): Promise<string> {
  const build = await helperBuildDirectory("sanitized");
  const run = promisify(execFile);
  await withFileLock(`${build}.lock`, async () => {
    await run("cmake", ["-S", helperSources, "-B", build, "-G", "Ninja", ...sanitizedOptions, "--log-level=WARNING"]);
    await run("cmake", ["--build", build, "--target", "suture-tracer", "--parallel", "2"]);
  });
  return join(build, "suture-tracer");
}
