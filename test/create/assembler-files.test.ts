import { expect, test } from "vitest";

import { findAssemblerFiles } from "../../native/create/assembler-files.ts";
import { openSourceTree } from "./source-tree.ts";

test.each<[main: string, text: string, found: string]>([
  ["a.c", "__asm__(\".incbin \\\"data.bin\\\"\");", "data.bin"],
  ["a.c", "void f(void) { asm volatile goto (\"nop\\n\\t.incbin \" \"\\\"data\"\n# 7 \"inc/x.h\" 3\n\".bin\\\", 2, 4\" : : : : out); out:; }", "data.bin"],
  ["a.cc", "asm(R\"x(.incbin \"data.bin\")x\");", "data.bin"],
  ["a.c", "__asm (\".incbin \\042data.bin\\\"\");", "data.bin"],
  ["a.c", "__asm__(\".include \\\"first.s\\\"\");", "first.s inc/second.s data.bin"],
  ["a.s", ".include \"first.s\"\n.incbin \"missing.bin\"\n", "first.s inc/second.s data.bin"],
  ["a.c", "__asm__(\".incbin \\\"%c0\\\"\" : : \"i\"(1));", "?"],
  ["a.S", ".macro one file\n.incbin \"\\file\"\n.endm\n", "?"],
  ["a.S", ".incbin NAME\n", "?"],
  // Texts that no assembler gets.
  ["a.c", "const char *help = \".incbin \\\"data.bin\\\"\"; int g(struct s x) { return x.include; }", ""],
])("findAssemblerFiles() in %s: %j", (spelled, text, found) => {
  using tree = openSourceTree({ "data.bin": "", "first.s": ".include \"second.s\"\n", "inc/second.s": ".incbin \"data.bin\"\n", "sub/other.bin": "" });
  const words = [{ kind: "option" as const, flag: "-I", value: "inc", isJoined: true }];
  const { files, isOpen } = findAssemblerFiles({ compiler: "gcc", directory: tree.root, arguments: words, recorded: words, spelled }, text);
  expect([...files.map((file) => file.slice(tree.root.length + 1)), ...(isOpen ? ["?"] : [])].join(" ")).toBe(found);
});
