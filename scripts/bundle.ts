// The program as a bundle: shell/main.ts to suture.js and recipes/suture.ts, which recipes import as "suture", to api.js.
// One chunk for each thing that is loaded on its own, so that a subcommand reads only what it needs. The chunks lie in the
// same directory as the native helper, because they look for it there.

import { chmod, cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { pastTheDoors } from "./past-the-doors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Writes the bundle into `output`, which must lie inside the checkout: packages are looked for from there. */
export async function bundleProgram(output: string): Promise<void> {
  await mkdir(output, { recursive: true });
  await removeOldChunks(output);
  await build({
    absWorkingDir: root,
    entryPoints: { suture: "shell/main.ts", api: "recipes/suture.ts" },
    outdir: output,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    chunkNames: "[name]-[hash]",
    plugins: [pastTheDoors(/\/(?:native|recipes|shell)\/[^.]*\.ts$/)],
    legalComments: "none",
    logLevel: "warning",
    // A native program of its own; it cannot be bundled.
    external: ["esbuild"],
    // Packages in CommonJS ask for Node's modules by require.
    banner: { js: `import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);` },
  });
  await chmod(join(output, "suture.js"), 0o755);
  await cp(join(root, "native/include"), join(output, "include"), { recursive: true });
}

/** Names carry a hash of the contents; those of earlier builds would only pile up. */
async function removeOldChunks(output: string): Promise<void> {
  const names = await readdir(output);
  await Promise.all(names.filter((name) => /-[A-Z0-9]{8}\.js$/.test(name)).map((name) => rm(join(output, name))));
}
