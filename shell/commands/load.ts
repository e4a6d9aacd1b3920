// `suture load`: an image into one or several running processes, where it stays inactive until it is activated.

import { loadPatch } from "../../native/mod.ts";
import { readImageFile } from "../image-file.ts";
import { addProcessOptions, defineCommand, requireProcesses } from "./command.ts";
import { runTransaction, type TransactionFlags } from "./transaction.ts";

export const load = defineCommand<[file: string], TransactionFlags>({
  configure: (command) => addProcessOptions(command.argument("<image>", "a patch image made by build"))
    .option("--dry-run", "check everything, change nothing"),
  examples: ["load fix.suture --pid 4242", "load fix.suture --tree 4242 --dry-run"],
  exitCodes: [0, 2, 3, 4, 5, 6],
  async run(context, [file], flags) {
    const processes = requireProcesses(context, flags, `load ${file}`);
    const { bytes } = await readImageFile(file);
    const tracer = await context.session.tracer();
    return runTransaction(context, flags, (options) => loadPatch(tracer, bytes, processes, options));
  },
});
