// `suture completion`: a script that lets bash complete commands, options and process ids.

import { Argument } from "commander";
import { defineCommand } from "./command.ts";
import { bashCompletion } from "./complete-line.ts";

export const completion = defineCommand<[shell: "bash"], object>({
  configure: (command) => command.addArgument(new Argument("<shell>", "whose command lines are to be completed").choices(["bash"])),
  examples: ["completion bash > /etc/bash_completion.d/suture"],
  exitCodes: [0, 2],
  async run({ commands }, [shell]) {
    return { result: { type: "completion", completion: { shell, script: await bashCompletion(commands) } } };
  },
});
