#!/usr/bin/env node
// The file that is started. It hands V8 the program together with what V8 has made of it before (scripts/compile-ahead.ts),
// so that no run begins with a megabyte to parse. What was made by another version or with other flags is not taken by
// V8, and may be missing altogether: the program runs all the same, and starts some 40 ms later.

import { join } from "node:path";
import { openProgram } from "./compiled-program.ts";

/** Put in by the bundler: the program's file name, which changes with its contents. */
declare const programFile: string;

openProgram(join(__dirname, programFile)).run();
