// `suture inspect`: what a patch image holds. Needs no process; the old code comes from the program's file, if it is named.

import { readFile } from "node:fs/promises";
import { disassemblePatch, explainUnreadable, SutureError, type FunctionDisassembly, type OldCode, type PatchImage } from "../../native/mod.ts";
import { readImageFile, type ImageFile } from "../image-file.ts";
import { collect } from "../options.ts";
import { defineCommand } from "./command.ts";

interface InspectOptions {
  readonly diff?: true;
  readonly disassembly?: true;
  readonly function?: readonly string[];
  readonly target?: readonly string[];
}

export const inspect = defineCommand<[file: string], InspectOptions>({
  configure: (command) => command
    .argument("<image>", "a patch image")
    .option("--diff", "show the source diffs that the patch was made from")
    .option("--disassembly", "show the new code, against the old code where --target names it")
    .option("--function <name>", "with --disassembly: of this function only; may be given several times", collect)
    .option("--target <elf>", "the program or library that the patch is for; may be given several times", collect),
  examples: ["inspect fix.suture", "inspect fix.suture --diff", "inspect --disassembly fix.suture --target /usr/bin/redis-server --function ACLCheck", "inspect fix.suture --json"],
  exitCodes: [0, 2, 4, 5],
  async run(_context, [file], options) {
    const read = await readImageFile(file);
    const { bytes, image: { manifest, digest } } = read;
    if (options.function !== undefined && options.disassembly === undefined) throw new SutureError("usage", "Cannot show a function of an image: add --disassembly");
    const disassembly = options.disassembly === undefined ? undefined : await disassemble(read, options);
    return {
      result: {
        type: "inspected",
        inspected: { file, bytes: bytes.length, digest, manifest, debugBytes: debugBytesOf(read.image), ...(options.diff ? { withDiffs: true } : {}), ...(disassembly === undefined ? {} : { disassembly }) },
      },
    };
  },
});

/** An entry of a relocation table has 24 bytes. */
const debugBytesOf = ({ manifest, elf }: PatchImage): number =>
  manifest.objects.flatMap(({ debug = [] }) => debug.flatMap((index) => elf.sections[index] ?? [])).reduce((sum, { size, relocations }) => sum + size + 24 * relocations.length, 0);

async function disassemble({ bytes, image }: ImageFile, { function: functions = [], target = [] }: InspectOptions): Promise<readonly FunctionDisassembly[]> {
  const files = await Promise.all(target.map(readOldCode));
  return disassemblePatch(image, bytes, { files, functions });
}

async function readOldCode(path: string): Promise<OldCode> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SutureError("file-not-found", `Cannot read ${path}: ${explainUnreadable(cause)}`, { path }, { cause });
  });
  return { path, bytes };
}
