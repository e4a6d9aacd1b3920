// A program of one CommonJS file, and what V8 has compiled of it, in a file beside it. Nothing here is loaded but Node's own modules.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

export interface OpenProgram {
  readonly script: Script;
  run(): void;
}

/** A script cannot import by itself. */
type ImportFile = (url: string) => Promise<unknown>;
type ModuleFunction = (exports: object, require: NodeJS.Require, module: { exports: object }, path: string, directory: string, importFile: ImportFile) => void;

/** In strict mode throughout, as the modules are that it is made of. */
export const asFunction = (program: string): string => `(function (exports, require, module, __filename, __dirname, importFile) {"use strict";${program}\n})`;

export const compiledFileOf = (path: string): string => `${path}.compiled`;

/** The program at `path`, in ASCII. */
export function openProgram(path: string): OpenProgram {
  // Before anything is compiled: what was compiled with other flags is not taken.
  optimiseLater();
  const compiled = readCompiled(path);
  const script = new Script(asFunction(readFileSync(path, "latin1")), { filename: path, ...(compiled === undefined ? {} : { cachedData: compiled }) });
  const run = () => {
    const module = { exports: {} };
    (script.runInThisContext() as ModuleFunction)(module.exports, createRequire(path), module, path, dirname(path), (url) => import(url));
  };
  return { script, run };
}

// The file: the digest of what follows, and what V8 made. V8 itself would run what is damaged.

const digestOf = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
const digestBytes = 32;

function readCompiled(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(compiledFileOf(path));
    const compiled = bytes.subarray(digestBytes);
    return digestOf(compiled).equals(bytes.subarray(0, digestBytes)) ? compiled : undefined;
  } catch {
    return undefined;
  }
}

export const compiledContents = (compiled: Uint8Array): Uint8Array => Buffer.concat([digestOf(compiled), compiled]);

/**
 * Most commands are over before what V8 optimises for them would pay, and a third of their processor time is its compiler, beside compilers that
 * want the processors too. So a function is optimised once it has run for about ten times as long. Other versions of V8 may have no such flag, and say so.
 */
function optimiseLater(): void {
  if (process.versions.v8.startsWith("11.")) setFlagsFromString("--interrupt-budget=500000");
}
