// `suture apply`: an image into one or several running processes, in one switch, or not at all.

import { applyPatch } from "../../native/mod.ts";
import { readImageFile } from "../image-file.ts";
import { addProcessOptions, defineCommand, requireProcesses } from "./command.ts";
import { addActivationOptions, addTransactionOptions, runTransaction, type TransactionFlags } from "./transaction.ts";

export const apply = defineCommand<[file: string], TransactionFlags>({
  configure: (command) => addActivationOptions(addTransactionOptions(addProcessOptions(command.argument("<image>", "a patch image made by build")))),
  examples: ["apply fix.suture --pid 4242", "apply fix.suture --pid 4242 --dry-run", "apply fix.suture --tree 4242", "apply all-fixes.suture --pid 4242 --replace", "apply fix.suture --exe /usr/sbin/nginx --timeout 500ms --json"],
  exitCodes: [0, 2, 3, 4, 5, 6, 9],
  async run(context, [file], flags) {
    const processes = requireProcesses(context, flags, `apply ${file}`);
    const { bytes } = await readImageFile(file);
    const tracer = await context.session.tracer();
    return runTransaction(context, flags, (options) => applyPatch(tracer, bytes, processes, options));
  },
});
