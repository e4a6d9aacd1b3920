// `npm run build`: the program in dist/. The set-up puts the native helper beside it.

import { fileURLToPath } from "node:url";
import { bundleProgram } from "./bundle.ts";
import { compileAhead } from "./compile-ahead.ts";

await compileAhead(await bundleProgram(fileURLToPath(new URL("../dist", import.meta.url))));
