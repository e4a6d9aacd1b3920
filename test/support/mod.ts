// What tests of every room share: targets compiled and started, a process's state before and after, a debugger.
// Nothing here knows Suture; it only makes the situations that Suture must cope with.

export { cacheDirectory } from "./cache.ts";
export { freePort } from "./free-port.ts";
export { Gdb, type GdbRecord, type GdbValue } from "./gdb.ts";
export { helperBuildDirectory, helperSources, sanitizedHelper, sanitizedOptions } from "./sanitized-helper.ts";
export { snapshotOf, type CodeMapping, type ProcessSnapshot } from "./snapshot.ts";
export { compileTarget, type CompiledTarget, type CompileOptions } from "./compile-target.ts";
export { startTarget, type StartOptions, type Target } from "./start-target.ts";
export { leftAlone, type Beside } from "./left-alone.ts";
export { lifted, refused } from "./limits.ts";
export { waitUntil } from "./wait-until.ts";
