// `npm run check:layers`: every import against the picture of ARCHITECTURE.md. The rules are in layers/rules.ts.

import { fileURLToPath } from "node:url";
import { checkLayers } from "./layers/mod.ts";

const { imports, violations } = await checkLayers(fileURLToPath(new URL("..", import.meta.url)));
for (const violation of violations) console.log(violation);
console.log(`layers: ${imports} imports, ${violations.length === 0 ? "all in order" : `${violations.length} against the rules`}`);
process.exitCode = violations.length === 0 ? 0 : 1;
