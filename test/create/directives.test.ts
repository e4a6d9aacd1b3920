import { expect, test } from "vitest";

import { readDirectives } from "../../native/create/directives.ts";

const named = (text: string): string => {
  const { names, macros, isOpen } = readDirectives(text);
  return [...names.map(({ name, isQuoted }) => (isQuoted ? `"${name}"` : `<${name}>`)), ...macros, ...(isOpen ? ["?"] : [])].join(" ");
};

test.each([
  ["#include \"a.h\"\n# include <b/c.h>\n\t#\tinclude_next <d.h>\n#import \"e.x\"\n#embed <f.bin> limit(2)\n", "\"a.h\" <b/c.h> <d.h> \"e.x\" <f.bin>"],
  ["%:include \"a.h\"\n??=include \"b.h\"\n", "\"a.h\" \"b.h\""],
  ["#if 0\n#include \"never.h\"\n#endif\n#ifdef X\n#else\n#include \"else.h\"\n#endif\n", "\"never.h\" \"else.h\""],
  ["/* first */ # /* second */ include /* third */ \"a.h\" // fourth\n", "\"a.h\""],
  ["#include \\\n\"a.h\"\n# \\\n  include \"b.h\"\n#inc\\\nlude \"c.h\"\n#include \"d\\\n.h\"\r\n#include \\\r\n<e.h>\n", "\"a.h\" \"b.h\" \"c.h\" \"d.h\" <e.h>"],
  ["/* begun\n   before */ #include \"a.h\"\n#/* over\nlines */include \"b.h\"\n", "\"a.h\" \"b.h\""],
  ["#if __has_include(\"a.h\") || __has_include( <b.h> )\n#elif defined(__has_embed) && __has_embed(\"c.bin\")\n#endif\n", "\"a.h\" <b.h> \"c.bin\""],
  ["#include WHICH\n#  include WHICH /* again */\n", "WHICH"],
  ["#include NAME(a)\n", "?"],
  ["#include PRE FIX\n", "?"],
  ["#include /* spliced */ \\\n  WHICH // here\n", "WHICH"],
  ["char *t = \"??/\";\n", "?"],
  // Sentences are none, and what is in quotes there is one name too many.
  ["/* We don't have #include_next.\n   #include's protect themselves\n   #include \"c.h\" as ever */\nint include; struct s { int import; };\nx.include = 1; // #include WHICH\n", "\"c.h\""],
  ["int included(void); /* include it */\n", ""],
])("readDirectives() finds every name in %j", (text, found) => {
  expect(named(text)).toBe(found);
});

test.each([["__asm__(\".incbin \\\"a\\\"\");", true], [".include \"a.s\"", true], ["int include;", false]])("readDirectives() sees where an assembler may read files: %j", (text, assembles) => {
  expect(readDirectives(text).assembles).toBe(assembles);
});

test.each([["#line 3 \"grammar.y\"\n", true], ["int a;\n# 12 \"table.gperf\" 2\n", true], ["#line 3\n", false], ["/* line 3 \"grammar.y\" */", false]])("readDirectives() sees whether lines are those of another file: %j", (text, isMade) => {
  expect(readDirectives(text).isMade).toBe(isMade);
});
