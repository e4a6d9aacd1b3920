// `suture inspect`: what a patch image holds. Needs no process.

import { decodeImage } from "../../native/mod.ts";
import { readImageFile } from "../session.ts";
import { defineCommand } from "./command.ts";

export const inspect = defineCommand<[file: string], object>({
  configure: (command) => command.argument("<image>", "a patch image"),
  examples: ["inspect fix.suture", "inspect fix.suture --json"],
  exitCodes: [0, 2, 4, 5],
  async run(_context, [file]) {
    const bytes = await readImageFile(file);
    const { manifest, digest } = decodeImage(bytes);
    return { result: { type: "inspected", inspected: { file, bytes: bytes.length, digest, manifest } } };
  },
});
