// `suture apply`: an image into a running process, in one switch, or not at all.

import { applyPatch } from "../../native/mod.ts";
import { readImageFile } from "../image-file.ts";
import { addPidOption, defineCommand, requirePid } from "./command.ts";
import { addTransactionOptions, transactionOptions, type TransactionFlags } from "./transaction.ts";

export const apply = defineCommand<[file: string], TransactionFlags>({
  configure: (command) => addTransactionOptions(addPidOption(command.argument("<image>", "a patch image made by build"))),
  examples: ["apply fix.suture --pid 4242", "apply fix.suture --pid 4242 --dry-run", "apply fix.suture --pid 4242 --timeout 500ms --json"],
  exitCodes: [0, 2, 3, 4, 5, 6],
  async run(context, [file], flags) {
    const pid = requirePid(context, flags.pid, `apply ${file}`);
    const { bytes } = await readImageFile(file);
    const tracer = await context.session.tracer();
    const transaction = await context.session.whileCleaningUpItself(() => applyPatch(tracer, bytes, pid, transactionOptions(context, flags)));
    return { result: { type: "transaction", transaction } };
  },
});
