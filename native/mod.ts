// The door of the engine: everything that programs, recipes and the shell may use of it.

export * from "./address.ts";
export * from "./errors.ts";
export { Tracer } from "./tracer.ts";
export type * from "./tracer.ts";
export * from "./image/mod.ts";
export { readDiff } from "./create/diff.ts";
export type * from "./create/types.ts";
export type * from "./patch/types.ts";
