// The original as the assembler would have made it without a section for each function: neighbours let it shorten jumps. The
// compiler's assembly is the same but for the names of sections, so it need not compile again. This is only a likelier guess at what the
// program holds: the proof compares it with the program as it does any object, and has the unit compiled as recorded where it does not fit.

import { readFile, writeFile } from "node:fs/promises";

/** Of a function, as gcc and clang name it: `.text.NAME`, and where it belongs to a part of the text: `.text.unlikely.NAME`. Flags are said once. */
const functionSection = /^([ \t]*\.section[ \t]+\.text)(\.(?:unlikely|hot|startup|exit))?\.[^",\s]+((?:,"ax",@progbits)?)[ \t]*$/gm;

/** Writes `assembly` with the functions in the sections in which they would lie together. */
export async function writeJoined(assembly: string, joined: string): Promise<void> {
  const text = await readFile(assembly, "latin1");
  await writeFile(joined, text.replaceAll(functionSection, "$1$2$3"), "latin1");
}
