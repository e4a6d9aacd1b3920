// `suture capture`: runs a build and writes down how each unit was compiled, for builds that do not say so themselves.

import { resolve } from "node:path";
import { captureCompileCommands } from "../../native/mod.ts";
import { defineCommand } from "./command.ts";

interface CaptureOptions {
  readonly output: string;
}

export const capture = defineCommand<[words: readonly string[]], CaptureOptions>({
  configure: (command) => command
    .usage("[options] -- <command...>")
    .argument("<command...>", "the build, after --")
    .option("-o, --output <file>", "the file to write", "compile_commands.json")
    .passThroughOptions(),
  examples: ["capture -- make -j2", "capture -o build/compile_commands.json -- ninja -C build"],
  exitCodes: [0, 2, 5],
  async run(_context, [words], { output }) {
    const commands = await captureCompileCommands(words, { output: resolve(output) });
    return { result: { type: "captured", captured: { result: "captured", output, units: commands.length } } };
  },
});
