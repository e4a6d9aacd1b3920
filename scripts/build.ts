// `npm run build`: the program in dist/. The set-up puts the native helper beside it.

import { fileURLToPath } from "node:url";
import { bundleProgram } from "./bundle.ts";
import { compileAhead } from "./compile-ahead.ts";

const program = await bundleProgram(fileURLToPath(new URL("../dist", import.meta.url)));
await compileAhead(program).catch((error: unknown) => console.error(`note: the program will start more slowly: ${error instanceof Error ? error.message : String(error)}`));
