// The program as a bundle: shell/main.ts to one file, which suture.js starts (shell/start.ts says how), and
// recipes/suture.ts, which other programs import as "suture", to api.mjs. All lie in the same directory as the native
// helper, because the program looks for it there. What a run does not use is not evaluated: dynamic imports stay apart.

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { asFunction, compiledFileOf } from "../shell/compiled-program.ts";
import { pastTheDoors } from "./past-the-doors.ts";
import { writeWhole } from "./write-whole.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20",
  plugins: [pastTheDoors(/\/(?:native|recipes|shell)\/[^.]*\.ts$/)],
  legalComments: "none",
  logLevel: "warning",
  // A native program of its own; it cannot be bundled.
  external: ["esbuild"],
} satisfies BuildOptions;

/** Writes the bundle into `output`, which must lie inside the checkout: packages are looked for from there. Gives the program's file. */
export async function bundleProgram(output: string): Promise<string> {
  await mkdir(output, { recursive: true });
  const program = await bundleMain(output);
  await bundleApi(output);
  await cp(join(root, "native/include"), join(output, "include"), { recursive: true });
  // The rest of this directory is CommonJS, whose files are started without Node's loader of modules.
  await writeFile(join(output, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  const previous = await programOf(output);
  await bundleStart(output, program);
  await removeOthers(output, [program, ...previous]);
  return join(output, program);
}

/** Its name tells what V8 is given, so that nothing that was made of another one is ever taken for its own: V8 compares lengths. */
async function bundleMain(output: string): Promise<string> {
  const { outputFiles: [file] } = await build({
    ...common,
    entryPoints: ["shell/main.ts"],
    format: "cjs",
    write: false,
    define: { "import.meta.url": "urlOfBundle" },
    banner: { js: `const urlOfBundle = require("node:url").pathToFileURL(__filename).href;` },
  });
  const text = inAscii(file?.text ?? "");
  const name = `program-${createHash("sha256").update(asFunction(text)).digest("hex").slice(0, 16)}.js`;
  writeWhole(join(output, name), text);
  return name;
}

/** A program in ASCII is read as it lies there. esbuild escapes what strings hold; what is left stands in regular expressions and comments. */
const inAscii = (text: string): string => text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

async function bundleStart(output: string, program: string): Promise<void> {
  const { outputFiles: [file] } = await build({ ...common, entryPoints: ["shell/start.ts"], format: "cjs", write: false, define: { programFile: JSON.stringify(program) } });
  writeWhole(join(output, "suture.js"), file?.text ?? "", 0o755);
}

async function bundleApi(output: string): Promise<void> {
  await build({
    ...common,
    entryPoints: ["recipes/suture.ts"],
    outfile: join(output, "api.mjs"),
    format: "esm",
    // Packages in CommonJS ask for Node's modules by require.
    banner: { js: `import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);` },
  });
}

/** The file that suture.js has started until now: somebody may be about to read it. */
async function programOf(output: string): Promise<readonly string[]> {
  const text = await readFile(join(output, "suture.js"), "utf8").catch(() => "");
  return /program-[0-9a-f]{16}\.js/.exec(text) ?? [];
}

/** Of earlier builds, of this layout and of the one before; and what runs that were ended have left. */
const made = /^(?:program-[0-9a-f]{16}\.js|keep-compiled-|api\.js$|.*-[A-Z0-9]{8}\.js$)/;

async function removeOthers(output: string, kept: readonly string[]): Promise<void> {
  const names = await readdir(output);
  const old = names.filter((name) => made.test(name) && !kept.some((each) => name === each || name === compiledFileOf(each)));
  await Promise.all(old.map((name) => rm(join(output, name), { force: true })));
}
