// `npm run bench`: how long threads are held, what clients notice, whether it goes on for ever, what a patched call
// costs. Each benchmark prints a table; all single figures are kept as JSON.
//
//   npm run bench -- --help

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "./bench/machine.ts";
import { optionsHelp, readOptions, UsageError, type BenchOptions } from "./bench/options.ts";
import { benchmarks } from "./bench/table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);

try {
  const options = readOptions(words, benchmarks.map(({ name }) => name));
  if (options.help) console.log(helpText());
  else await runAll(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}; see npm run bench -- --help`);
  process.exitCode = 2;
}

function helpText(): string {
  const names = benchmarks.map(({ name, summary }) => `  ${name.padEnd(14)}  ${summary}`);
  return ["npm run bench -- [BENCHMARK…] [OPTIONS]", "", ...names, optionsHelp].join("\n");
}

async function runAll(options: BenchOptions): Promise<void> {
  const machine = await describeMachine(root, words);
  const print = options.json ? () => undefined : console.log;
  print(Object.values(machine).join("; "));
  const found: Record<string, unknown> = {};
  for (const { name, run } of benchmarks.filter((each) => options.benchmarks.includes(each.name))) {
    const { text, raw } = await run(options, (line) => process.stderr.write(`${name}: ${line}\n`));
    print(`\n${text}`);
    found[name] = raw;
  }
  const document = `${JSON.stringify({ machine, ...found }, null, 2)}\n`;
  if (options.json) process.stdout.write(document);
  const path = resolve(options.out ?? join(root, "bench", `${machine.date.replace(/[:.]/g, "-")}.json`));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, document);
  process.stderr.write(`every single figure: ${path}\n`);
}
