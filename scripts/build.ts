// Bundles the program: shell/main.ts to dist/suture.js and recipes/suture.ts, which recipes import as "suture", to
// dist/api.js. One chunk for each thing that is loaded on its own, so that a subcommand reads only what it needs. The
// native helper is put beside them by the set-up; the chunks lie in the same directory because they look for it there.

import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = join(root, "dist");

await removeOldChunks();
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
  legalComments: "none",
  logLevel: "warning",
  // A native program of its own; it cannot be bundled.
  external: ["esbuild"],
  // Packages in CommonJS ask for Node's modules by require.
  banner: { js: `import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);` },
});
await chmod(join(output, "suture.js"), 0o755);

/** Names carry a hash of the contents; those of earlier builds would only pile up. */
async function removeOldChunks(): Promise<void> {
  const names = await readdir(output).catch(() => []);
  await Promise.all(names.filter((name) => /-[A-Z0-9]{8}\.js$/.test(name)).map((name) => rm(join(output, name))));
}
