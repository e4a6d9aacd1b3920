// Runs a program with the words after it, and writes down at its end what V8 has compiled of it, with what earlier runs left.

import { setFlagsFromString } from "node:v8";
import { compiledContents, compiledFileOf, openProgram } from "../../shell/compiled-program.ts";
import { writeWhole } from "../write-whole.ts";

const [path = ""] = process.argv.splice(2, 1);
const { script, run } = openProgram(path);
// V8 throws away what has not been used for a while; here it must stay.
setFlagsFromString("--no-flush-bytecode");
process.once("exit", () => {
  setFlagsFromString("--flush-bytecode");
  writeWhole(compiledFileOf(path), compiledContents(script.createCachedData()));
});
run();
