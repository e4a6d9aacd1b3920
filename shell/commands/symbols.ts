// `suture symbols`: functions and variables of the program and every library, where they are in the process now.

import { openTarget, rebase, fileAddress, SutureError, type ElfSymbol, type Module } from "../../native/mod.ts";
import type { SymbolResult } from "../results.ts";
import { addPidOption, defineCommand, requirePid } from "./command.ts";

interface SymbolsOptions {
  readonly pid?: number;
  readonly module?: string;
}

export const symbols = defineCommand<[part: string | undefined], SymbolsOptions>({
  configure: (command) => addPidOption(command.argument("[part]", "what the name holds"))
    .option("--module <name>", "only of this program or library"),
  examples: ["symbols ACLSet --pid 4242", "symbols --pid 4242 --module libc.so.6 --json"],
  exitCodes: [0, 2, 3],
  async run(context, [part = ""], { pid: named, module }) {
    const pid = requirePid(context, named, "list symbols");
    const { modules } = await openTarget(await context.session.tracer(), pid);
    const chosen = modules.filter(({ name }) => module === undefined || name === module);
    if (chosen.length === 0) throw noSuchModule(pid, module, modules);
    const found = (await Promise.all(chosen.map(symbolsOf))).flat().filter(({ name }) => name.includes(part));
    return { result: { type: "symbols", symbols: { pid, symbols: found.sort((a, b) => (a.at < b.at ? -1 : 1)) } } };
  },
});

/** Of a stripped module only those that it exports. A module whose file is gone has none to show. */
async function symbolsOf(module: Module): Promise<readonly SymbolResult[]> {
  const elf = await module.elf().catch(() => undefined);
  if (elf === undefined) return [];
  const all = elf.symbols.length > 0 ? elf.symbols : elf.dynamicSymbols;
  // A library has one symbol for each version of a name.
  const distinct = new Map(all.filter(isPlaced).map((symbol) => [`${symbol.name} ${symbol.value}`, symbol]));
  return [...distinct.values()].map((symbol) => ({
    name: symbol.name,
    at: rebase(fileAddress(symbol.value), module.bias),
    size: symbol.size,
    type: symbol.type === "object" ? "variable" : "function",
    module: module.name,
  }));
}

const noSuchModule = (pid: number, wanted: string | undefined, modules: readonly Module[]): SutureError =>
  new SutureError("usage", `Cannot list symbols: pid ${pid} has no module ${wanted}; it has ${modules.map(({ name }) => name).join(", ")}`, { pid });

const isPlaced = ({ type, section, name }: ElfSymbol): boolean =>
  (type === "function" || type === "ifunc" || type === "object") && typeof section === "number" && name !== "";
