// `suture revert`: the old functions back, by the name of the patch. Needs no image: the process carries what it takes.

import { revertPatch } from "../../native/mod.ts";
import { addProcessOptions, defineCommand, requireProcesses } from "./command.ts";
import { addTransactionOptions, transactionOptions, type TransactionFlags } from "./transaction.ts";

export const revert = defineCommand<[name: string], TransactionFlags>({
  configure: (command) => addTransactionOptions(addProcessOptions(command.argument("<name>", "the patch, as list shows it"))),
  examples: ["revert acl-fix --pid 4242", "revert acl-fix --tree 4242 --timeout 30s"],
  exitCodes: [0, 2, 3, 4, 6],
  async run(context, [name], flags) {
    const processes = requireProcesses(context, flags, `revert ${name}`);
    const tracer = await context.session.tracer();
    const transaction = await context.session.whileCleaningUpItself(() => revertPatch(tracer, name, processes, transactionOptions(context, flags)));
    return { result: { type: "transaction", transaction } };
  },
});
