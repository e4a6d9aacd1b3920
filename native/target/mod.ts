// A process: what it is, its mappings, modules and symbols. Reads only.

export { isLinked } from "./link-map.ts";
export { openTarget, moduleAt } from "./target.ts";
export type { Target } from "./target.ts";
export type { Module } from "./modules.ts";
export { findGaps, formatRange, isMemoryFile, mappingAt, parseMaps, pathOf } from "./maps.ts";
export type { Gap, Mapping } from "./maps.ts";
export { openCoreDump } from "./core-dump.ts";
export type { CoreDump } from "./core-dump.ts";
export { findDynamicSymbol, nameAt } from "./symbols.ts";
export type { FoundSymbol } from "./symbols.ts";
