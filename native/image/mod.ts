// The patch image: an ELF relocatable file with a manifest. Pure: needs neither a compiler nor a process.

export * from "./manifest.ts";
export type * from "./describe.ts";
export { encodeImage } from "./encode.ts";
export { decodeImage } from "./decode.ts";
export type { PatchImage } from "./decode.ts";
export { patchNameProblem } from "./schema.ts";
