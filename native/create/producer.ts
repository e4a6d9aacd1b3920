// What the compiler wrote about itself: for saying why an object is not the one that the program was built from.

import { sectionNamed } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { trackingLeftOut } from "./variable-tracking.ts";

const addedByUs: ReadonlySet<string> = new Set(["-ffunction-sections", "-fdata-sections", "-g", ...trackingLeftOut]);
const leftOutByUs: ReadonlySet<string> = new Set(["-gsplit-dwarf"]);

/** The compiler and flags of an object with debug information: the one string there that looks like it. */
export function producerOf(object: ElfFile): string | undefined {
  for (const name of [".debug_str", ".debug_line_str"]) {
    const section = sectionNamed(object, name);
    if (section === undefined) continue;
    const strings = Buffer.from(section.bytes.buffer, section.bytes.byteOffset, section.bytes.length).toString("latin1").split("\0");
    const found = strings.find((each) => /^(?:GNU (?:C|C\+\+|GIMPLE)\d* |\S*\s*clang version )/.test(each));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The compilers that made the program's unit and the object, with their versions, where they are two. */
export const otherCompiler = (program: string, object: ElfFile): string | undefined => compareCompilers(program, producerOf(object) ?? "");

function compareCompilers(program: string, own: string): string | undefined {
  const [programCompiler] = splitProducer(program);
  const [ownCompiler] = splitProducer(own);
  if (programCompiler === "" || ownCompiler === "" || programCompiler === ownCompiler) return undefined;
  return `the program was compiled by ${programCompiler}, this object by ${ownCompiler}`;
}

/** The likeliest cause of a difference, in words. `compiler`: as the compile command calls it. */
export function compareProducers(program: string, object: ElfFile, compiler: string): string {
  const own = producerOf(object);
  if (own === undefined || program === "") return "the source, the flags or the compiler differ";
  const compilers = compareCompilers(program, own);
  if (compilers !== undefined) return `${compilers} (${compiler}); put the one that built the program into compile_commands.json`;
  const [, programFlags] = splitProducer(program);
  const [, ownFlags] = splitProducer(own);
  const missing = [...programFlags].filter((flag) => !ownFlags.has(flag) && !leftOutByUs.has(flag));
  const extra = [...ownFlags].filter((flag) => !programFlags.has(flag) && !addedByUs.has(flag));
  if (missing.length > 0 || extra.length > 0) {
    return `the flags differ: the program has ${missing.join(" ") || "none"}, the compile command ${extra.join(" ") || "none"} that the other has not`;
  }
  return "compiler and flags agree, so the source or a definition (-D) differs";
}

function splitProducer(producer: string): readonly [string, ReadonlySet<string>] {
  const at = producer.indexOf(" -");
  if (at < 0) return [producer, new Set()];
  return [producer.slice(0, at), new Set(producer.slice(at + 1).split(/\s+(?=-)/))];
}
