// `suture inspect`: what a patch image holds. Needs no process.

import { readImageFile } from "../image-file.ts";
import { defineCommand } from "./command.ts";

export const inspect = defineCommand<[file: string], object>({
  configure: (command) => command.argument("<image>", "a patch image"),
  examples: ["inspect fix.suture", "inspect fix.suture --json"],
  exitCodes: [0, 2, 4, 5],
  async run(_context, [file]) {
    const { bytes, image: { manifest, digest } } = await readImageFile(file);
    return { result: { type: "inspected", inspected: { file, bytes: bytes.length, digest, manifest } } };
  },
});
