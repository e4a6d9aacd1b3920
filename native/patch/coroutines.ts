// Does a program switch coroutines? Those that wait their turn are on no thread's stack, so that only a look through memory
// finds what they are in. Says so when the program's own symbols name libc's switch; a hand-made one has no name to know it by.

import type { Target } from "../target/mod.ts";

const switches: ReadonlySet<string> = new Set(["swapcontext", "setcontext", "makecontext"]);

export async function switchesCoroutines({ program }: Target): Promise<boolean> {
  const symbols = await program.elf().then((elf) => [...elf.symbols, ...elf.dynamicSymbols], () => []);
  return symbols.some(({ name, section }) => section === "undefined" && switches.has(name));
}
