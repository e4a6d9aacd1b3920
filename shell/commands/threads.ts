// `suture threads`: who is there. Read from /proc; stops nobody.

import { addPidOption, defineCommand, requirePid } from "./command.ts";

export const threads = defineCommand<[], { readonly pid?: number }>({
  configure: addPidOption,
  examples: ["threads --pid 4242"],
  exitCodes: [0, 2, 3],
  async run(context, _operands, flags) {
    const pid = requirePid(context, flags.pid, "list threads");
    const tracer = await context.session.tracer();
    return { result: { type: "threads", threads: { pid, threads: await tracer.listThreads(pid) } } };
  },
});
