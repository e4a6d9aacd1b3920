[
  {
    "name": "assembleObject() makes the same bytes from the same input",
    "file": "/work/wt/matrix/test/create/assemble.test.ts",
    "projectName": "fast"
  },
  {
    "name": "assembleObject() makes an ELF file that readelf, objdump and nm read",
    "file": "/work/wt/matrix/test/create/assemble.test.ts",
    "projectName": "fast"
  },
  {
    "name": "assembleObject() carries the unwind records of what travels, unlikely parts included, and no others",
    "file": "/work/wt/matrix/test/create/assemble.test.ts",
    "projectName": "fast"
  },
  {
    "name": "assembleObject() says what the old function occupies",
    "file": "/work/wt/matrix/test/create/assemble.test.ts",
    "projectName": "fast"
  },
  {
    "name": "captureCompileCommands() writes what a build compiles, ready to be used",
    "file": "/work/wt/matrix/test/create/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "captureCompileCommands() writes elsewhere when told to",
    "file": "/work/wt/matrix/test/create/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "captureCompileCommands() keeps the file that is there when the build fails or compiles nothing",
    "file": "/work/wt/matrix/test/create/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "captureCompileCommands() names the package of a missing bear",
    "file": "/work/wt/matrix/test/create/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > renumbered labels and static variables are no difference",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > without optimisation, what stands between literals is no difference",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > another string, another constant, another callee",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > a jump table belongs to its function, and to no other",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > constant data of the unit that differs takes its readers along",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > every function that holds an inlined copy",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() finds what differs by meaning > a computed goto's table goes with its function",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a changed initial value",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a value where there was none",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a changed initial value behind a pointer",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a changed size",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a changed global constant",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > constant data behind a live pointer",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a new constructor",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > assembler outside of functions",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareObjects() refuses what replacing functions cannot bring about > a variable that becomes thread-local",
    "file": "/work/wt/matrix/test/create/compare.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() gives each function a section and changes only what the diff changes",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() removes its files when it is done and when it fails",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() works with blanks, dashes and dollars in names",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() keeps __FILE__ of absolute paths and of recorded prefix maps",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() compiles the patched source when the build directory is outside the tree",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() follows relative includes, links in the tree, and a root named through a link",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() refuses a unit that reaches a touched file by a path that no shadow can change",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() says which side does not compile, where, and leaves the compiler's text in the data",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() refuses a compiler that is not there, and link-time optimisation",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() lets the caller leave out units before they are compiled",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() compiles only those users of a header whose code it reaches",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() gives both sides one time of day, and files the times that they had",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() compiles C++ and a source that another one includes",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileObjectPairs() ignores a precompiled header of the header as it was",
    "file": "/work/wt/matrix/test/create/compile.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitShellWords() splits \"a  b\\tc\\n\"",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitShellWords() splits \"'-DX=\\\"a b\\\"' \\\"-DY=\\\\\\\"q\\\\\\\"\\\" -DZ=\\\\\\\"z\\\\\\\"\"",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitShellWords() splits \"-D'A'\\\"B\\\"C \\\"\\\" ''\"",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitShellWords() splits \"$HOME \\\"$x\\\" '\\\\n' \\\"\\\\n\\\" a\\\\ b \\\"a\\\\\\nb\\\" a\\\\\\nb\"",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitShellWords() splits \"\"",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCompileCommands() makes paths absolute and finds the output",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCompileCommands() keeps the same file with other flags, drops repetitions and files that are gone",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readCompileCommands() names capture as the way out of a missing or damaged file",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readInvocation() leaves out outputs, dependency files, other inputs and launchers",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseArguments() gives back what it took apart",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "usesLinkTimeOptimisation() believes the last option",
    "file": "/work/wt/matrix/test/create/compile-commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "correlateObjects() > pairs static variables of functions by their owner, whatever their number",
    "file": "/work/wt/matrix/test/create/correlate.test.ts",
    "projectName": "fast"
  },
  {
    "name": "correlateObjects() > leaves a new static variable unpaired when an old one keeps its owner",
    "file": "/work/wt/matrix/test/create/correlate.test.ts",
    "projectName": "fast"
  },
  {
    "name": "correlateObjects() > does not guess where a static variable may have moved to another function",
    "file": "/work/wt/matrix/test/create/correlate.test.ts",
    "projectName": "fast"
  },
  {
    "name": "correlateObjects() > follows a static variable into the part that the compiler splits off",
    "file": "/work/wt/matrix/test/create/correlate.test.ts",
    "projectName": "fast"
  },
  {
    "name": "correlateObjects() > pairs constants of one name by their contents",
    "file": "/work/wt/matrix/test/create/correlate.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > builds a patch from a diff, unmoved by the line numbers after it",
    "file": "/work/wt/matrix/test/create/create.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > makes the same image from the same input",
    "file": "/work/wt/matrix/test/create/create.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > has nothing to patch where only a comment changes",
    "file": "/work/wt/matrix/test/create/create.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > has nothing to patch where the diff touches only what is not part of the program",
    "file": "/work/wt/matrix/test/create/create.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > refuses a source that is not the program's, and names function and unit",
    "file": "/work/wt/matrix/test/create/create.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() reads plain, git, Index and mailed diffs alike",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() keeps a removed line that looks like the end of a mail",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() tells new, deleted and renamed files",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() refuses a/../../etc/passwd.c before anything is opened",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() refuses a/src/../../x.c before anything is opened",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() refuses /etc/x.c before anything is opened",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() refuses a//../x.c before anything is opened",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() refuses \"a/..\\057x.c\" before anything is opened",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() says what is wrong with \"\"",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() says what is wrong with \"hello\\n\"",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() says what is wrong with \"--- a/x.c\\n+++ b/x.c\\n@@ -1,5 +1 @@\\n-a\\n\"",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDiff() says what is wrong with \"--- x.c\\n+++ x.c\\n@@ -1 +1 @@\\n-old\\n+new\\n\"",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() applies several diffs in order, one on top of the other",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() accepts an offset silently and fuzz with a note",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() names the file and the hunk that do not fit",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() says that a diff is applied already",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() creates, deletes and renames",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() leaves out missing or unfit files that are no source, with a note; a missing source is refused",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() follows a link within the tree and refuses one that leaves it",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyDiffs() keeps bytes that are no UTF-8, carriage returns, and a missing last line break",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeText() and encodeText() give back every byte",
    "file": "/work/wt/matrix/test/create/diff.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > variables and functions, static ones too, at their addresses",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > functions of libraries by name and version, and such as the program never used by name",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > a redirected function's address stays the old entry, a call goes to the new one",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > thread-local variables of the program, by their offset",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > what a library exports by name, because another module may come first",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() finds what exists in the program > static variables of functions, by owner and not by number",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() takes along what is new > functions, strings, constants and variables, and no more",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() takes along what is new > a new function of one unit that another calls",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > a new thread-local variable",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > thread-local variables of a library",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > library data that the program has no copy of",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > a function that is too short to be redirected",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > a record that start-up code registers",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > a structure whose layout changes",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "includeDependencies() refuses by name > C++ through which exceptions may pass",
    "file": "/work/wt/matrix/test/create/include.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareLayouts() finds nothing where only names of new structures differ",
    "file": "/work/wt/matrix/test/create/layouts.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareLayouts() names a member that was added, not those that moved behind it",
    "file": "/work/wt/matrix/test/create/layouts.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareLayouts() names a member that was removed, moved, resized or retyped",
    "file": "/work/wt/matrix/test/create/layouts.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareLayouts() tells bits of a bit-field apart",
    "file": "/work/wt/matrix/test/create/layouts.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compareLayouts() names a static variable whose bits would mean something else",
    "file": "/work/wt/matrix/test/create/layouts.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() keeps a function below a change as it was, with __LINE__ and assert()",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() keeps lines below removed and replaced blocks",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() pins what is left of the changed function itself",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() goes on with the numbers of a generated source's own #line",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of a block comment",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of a continued macro",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of a continued string",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of a continued line comment",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of the arguments of a macro",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() waits for the end of branches that open one parenthesis twice",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() stays out of raw strings of C++",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() leaves __FILE__ as the include spelled it",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findSafeLines() is not confused by apostrophes, quotes and slashes",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findSafeLines() starts anew where a definition ends",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "pinLines() gives every line of a large source its number back",
    "file": "/work/wt/matrix/test/create/line-pinning.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > 'PIE, -O2'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > 'no PIE'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > '-O0'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > '-O3'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > '-fcf-protection'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > 'through the GOT'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > 'static'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() makes patches whose references lead where they should > 'large code model'",
    "file": "/work/wt/matrix/test/create/live.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > PIE, -O2",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > no PIE",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > position-independent code linked without PIE",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > position-independent code linked as PIE",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > static",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > static PIE",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > library",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > library with hidden symbols",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > -O0",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > -O3 -march=x86-64-v3",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > -Os",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > -fcf-protection",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds every function and variable where the linker put them > -ffunction-sections, dead code dropped",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() tells same-named statics of two units apart",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() compares with the unit as recorded where the assembler shortened a jump between neighbours",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() finds static functions of a program whose local symbols were stripped",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() refuses what is not the program's > a missing definition",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() refuses what is not the program's > another string",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() refuses what is not the program's > another initial value",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() refuses what is not the program's > a function more than the object has",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "proveUnit() refuses what is not the program's > other flags, which are named",
    "file": "/work/wt/matrix/test/create/proof.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > replaces the callers of functions that the compiler folded, and leaves the shared code alone",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > refuses to part an alias from its function where others call both",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() > takes an alias along with its function",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() for a program whose linker folded equal functions > refuses a change of  one",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() for a program whose linker folded equal functions > refuses a change of  other",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() for a program whose linker folded equal functions > refuses a change of static one",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createPatchImage() for a program whose linker folded equal functions > refuses a change of static other",
    "file": "/work/wt/matrix/test/create/shared-code.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() finds the touched unit without asking a compiler",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() finds every unit that includes a touched header, directly or not",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() finds the unit that includes a touched .c file, a unit of its own or not",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() takes the same file with other flags as another unit",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() names touched sources that nothing compiles",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() says so when nothing that is compiled is touched",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findTranslationUnits() refuses an unfit file without a source's name that a unit includes after all",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createDependencyReader() remembers until a file changes",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDependencies() reads what compilers write about awkward names",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a prototype",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a prototype over two lines",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a variable",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows two",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a function that is used",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a definition",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a tentative definition",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a type",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a pragma",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows another name for a function",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows a statement",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "differsOnlyByUnusedDeclarations() knows half a declaration",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "createShadowTree() lays real directories and links, and never the repository",
    "file": "/work/wt/matrix/test/create/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readEhFrame() tells the function of each record",
    "file": "/work/wt/matrix/test/elf/eh-frame.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readEhFrame() finds the functions of a linked program",
    "file": "/work/wt/matrix/test/elf/eh-frame.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeEhFrame() keeps what it is given, with personality and language data",
    "file": "/work/wt/matrix/test/elf/eh-frame.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readEhFrame() refuses records that leave their section",
    "file": "/work/wt/matrix/test/elf/eh-frame.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > gives the sections that readelf gives",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > gives the symbols that readelf gives",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > gives the relocations that readelf gives",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > names section symbols after their section",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > reads the build-id and the versions of dynamic symbols",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > reads the versions that a library defines",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > reads a separate debug file, whose segments lie outside of it",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > numbers more than 65280 sections",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > symbolAt(), definedSymbolsOf() and bytesAt() find what is there",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > hands out plain byte arrays, also of a Node Buffer",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > refuses what is no 64-bit little-endian ELF file",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readElf() > survives damaged files: a result or a refusal, soon",
    "file": "/work/wt/matrix/test/elf/read.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeElf() makes a file that readelf accepts without a warning",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeElf() makes a file that gcc links",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeElf() gives the same bytes for the same description",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "numberElf() tells the indexes that readElf() finds",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeElf() refuses a symbol in a section that is not written",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeElf() marks a file with indirect functions as GNU's",
    "file": "/work/wt/matrix/test/elf/write.test.ts",
    "projectName": "fast"
  },
  {
    "name": "encodeImage() > gives the same bytes for the same description",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "encodeImage() > makes a file that readelf, nm and objdump read",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "encodeImage() > refuses a symbol of a section that is not part of the image",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > gives back what was encoded",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an image of which one bit is another, wherever it is",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > says what a file that is no image is",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an image that is cut off anywhere",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > names both versions of an image of another version",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a manifest of another shape, and says where",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses expected bytes that are too short",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses expected bytes that are too long",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a redirect in the middle of a function",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an empty range",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an entry outside of the ranges",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a name that could move a cursor",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a name that turns the writing direction",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses no function at all",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an undefined symbol that is not imported",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a symbol that is imported twice",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses an import of a defined symbol",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a replacement that is no function",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a replacement that leaves its section",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a replacement that is undefined",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses two functions at one entry",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a section that is not for memory",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a thread-local section",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a table of constructors",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a crooked alignment",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses a section larger than memory",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses two objects for one module",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > refuses relocations that it does not know or that leave their section",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "decodeImage() > survives damaged images: a result or a refusal, soon",
    "file": "/work/wt/matrix/test/image/image.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() changes what eight threads answer, and revertPatch() changes it back: PIE",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() changes what eight threads answer, and revertPatch() changes it back: non-PIE",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() changes what eight threads answer, and revertPatch() changes it back: library",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() reports its steps, and how long threads were held",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() leaves a patch that a debugger can name functions of",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() as a dry run checks everything and leaves the process as it was",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() keeps several patches side by side, to be reverted in any order",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() redirects several functions in one stop",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() commits a program's and a library's functions together",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() reaches thread-local variables, far variables and far functions",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() lets everybody go when working threads would be held too long",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() takes another place when something is mapped where it was going to",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() works for another run of the program, which knows only the process",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() as a dry run changes nothing",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() names the thread and the function that block it, and leaves the process as it was",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() waits while a thread stands in the old function, and commits when it has left",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() is blocked while a thread is in the patch's own code, and the patch stays active",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() stops trying when it is told to, and gives everything back",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() says so when the process ends in the middle",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a forked child carries patches of its own",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() keeps memory that the process still refers to, until it does not any more",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() and revertPatch() while eight threads are asked without a pause",
    "file": "/work/wt/matrix/test/patch/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'stopped:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'parking:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:49', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:99', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'placing:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'tail:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'tail:50', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:50', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:99', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'done:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'released:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'stopped:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'parking:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:49', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'park:99', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'placing:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'tail:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'tail:50', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:50', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'place:99', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'done:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'apply' killed at 'released:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'stopped:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'parking:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:49', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:99', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'placing:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'tail:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'tail:50', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:50', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:99', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'done:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'released:0', the guardian 'lives': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'stopped:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'parking:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:49', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'park:99', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'placing:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'tail:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'tail:50', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:50', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'place:99', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'done:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "'revert' killed at 'released:0', the guardian 'dies': no call mixes old and new, and the next run settles it",
    "file": "/work/wt/matrix/test/patch/dying.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() gives back the records that writeLedger() wrote",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() does not see a record whose head was not written",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses what is damaged, and nothing else goes wrong",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses an unknown record",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses an address that is none",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses a name that would garble a terminal",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses an empty name",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readLedger() refuses a patch whose parts lie outside of its mapping",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "replay() tells the state that the records add up to",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "replay() frees the name of a retired patch and keeps its memory in mind",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "replay() sees the contradiction in an outcome without a patch",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "replay() sees the contradiction in two patches of one name",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "replay() sees the contradiction in memory freed that was not retired",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recordsOf() says the same in fewer records",
    "file": "/work/wt/matrix/test/patch/ledger.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() writes what ld writes for position-independent code",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() writes what ld writes for position-dependent code",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() writes what ld writes for position-dependent code that is not optimised",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() writes what ld writes for the medium model's 64-bit addresses",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() gives far functions a jump and far variables a slot",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() resolves thread-local variables by offset and through the table",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() refuses to cut off an address",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() does not let the address of a far function be that of its jump",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() refuses a symbol whose address is missing",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() refuses a symbol whose address is zero",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() refuses a relocation by its name",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() makes an ELF file that readelf, objdump, nm and gdb read",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() keeps code, constants and data on pages of their own",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "linkObject() gives the same bytes for the same place, and another build-id for another",
    "file": "/work/wt/matrix/test/patch/link.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findPlaces() prefers the gap below the module and leaves a guard",
    "file": "/work/wt/matrix/test/patch/place.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findPlaces() keeps a position-dependent program's patch where 31 bits reach",
    "file": "/work/wt/matrix/test/patch/place.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findPlaces() stays out of the way of the stack and offers nothing out of reach",
    "file": "/work/wt/matrix/test/patch/place.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findPlaces() reaches the whole of a large module",
    "file": "/work/wt/matrix/test/patch/place.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'an image for another build of the pro…'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'an image for a library that is not lo…'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'a function that has other bytes'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'a function outside of the program\\'s …'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'a symbol that nobody has'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'an address that is out of reach'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'a patch with the ledger\\'s name'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'an image that is cut off'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses 'something that is no image'",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses a patch that is applied already, and another one that overlaps its entry",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses a function that somebody else has written over",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() refuses to overwrite bytes that are not the patch's",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() refuses a name that is not applied, and says which are",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses a process that another tool is changing, and names that tool",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() lets one of two that come at once go first",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses a process that does not exist, and one under a debugger",
    "file": "/work/wt/matrix/test/patch/refusals.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() has nothing to do in a process that is in order",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() gives back a patch that was staged with every entry old",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() gives back a patch that was activating with every entry old",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() gives back a patch that was deactivating with every entry old",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() keeps a patch that was activating with every entry new",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() keeps a patch that was deactivating with every entry new",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() puts entries back when only some are new",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() touches nothing when an entry holds neither the old nor the new bytes",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() settles what another tool left before it begins",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() gives back an empty ledger, and one that a larger one has replaced",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "ensureLedger() makes a larger ledger when the old one is full, and says the same in it",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() undoes what a tool that was killed had begun",
    "file": "/work/wt/matrix/test/patch/recover.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() and revertPatch() switch several processes in one stop",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "apply: one of several that is blocked means none",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revert: one of several that is blocked means none",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "dry run: one of several that is blocked means none",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() stages nothing anywhere when the patch does not belong to one of the processes",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() gives back what it staged in the others when one process ends in the middle",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() refuses a selection that nobody is in",
    "file": "/work/wt/matrix/test/patch/several.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 0, 1, 2",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 0, 2, 1",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 1, 0, 2",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 1, 2, 0",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 2, 0, 1",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "revertPatch() takes stacked patches out in any order: 2, 1, 0",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() on top of a patch waits for threads in the older new function, and the process is unchanged",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() with replace takes all patches out and puts the new one in, in one stop",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "applyPatch() with replace as a dry run changes nothing",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'before' the switch: 'replace'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'after' the switch: 'replace'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'before' the switch: 'revert the lower'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'after' the switch: 'revert the lower'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'before' the switch: 'revert the upper'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'after' the switch: 'revert the upper'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'before' the switch: 'apply on top'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recoverProcess() settles a stack when the tool died 'after' the switch: 'apply on top'",
    "file": "/work/wt/matrix/test/patch/stacking.test.ts",
    "projectName": "fast"
  },
  {
    "name": "verifyPatches() says nothing is applied where nothing is",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "verifyPatches() notices an entry that was changed behind our back",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "verifyPatches() notices a change of the patch's own r--p pages",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "verifyPatches() notices a change of the patch's own r-xp pages",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "verifyPatches() lets the patch change its own data",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "listPatches() finds every process that carries patches, and only those",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "listPatches() does not believe a ledger that is damaged in its head, and goes on with others",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "listPatches() does not believe a ledger that is damaged in a record, and goes on with others",
    "file": "/work/wt/matrix/test/patch/verify.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > takes the first five bytes",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > keeps endbr64 where there is room behind it",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > counts proven padding to a function that is too short",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > refuses a function that is too short and has a neighbour",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > refuses a function with another label in its first bytes",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > refuses a function whose first bytes other code jumps into",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "redirectSite() > accepts a function that jumps back to its own beginning",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > left in undefined: patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > step in a/unit.c: patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > step in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > step in main.c: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > holder_onne in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > qwertyuiop in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > only_inlined in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > chosen in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > main in undefined: with-care",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > at_start in undefined: with-care",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > give_up in undefined: with-care",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > _start in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > jumper in undefined: with-care",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > entered in undefined: not-patchable",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "explainPatchability() > finds a function of which only a clone is left",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "warningsFor() gives the lines that an image carries",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "requirePatchable() names the function, the module and every reason",
    "file": "/work/wt/matrix/test/patchability/explain.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > says what the file is",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > lists the functions that nm lists, at their addresses and sizes",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > tells same-named statics of same-named files apart",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > counts a cold part to its function",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > knows file, line, and what never returns",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > lists code without debug information, without a unit",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > finds symbols of a stripped program in its debug file, and its code in the program",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > tells libraries and programs of every sort apart",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openProgram() > refuses, with the way out, what a patch could not be built for",
    "file": "/work/wt/matrix/test/patchability/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds sds.c in /build/server/src",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds /build/server/deps/client/sds.c in undefined",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds src/sds.c in /build/server",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds sds.c in /home/me/server/deps/client",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds sds.c in undefined",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds client/sds.c in undefined",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds lib/list.c in undefined",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "unitsNamed() finds ist.c in undefined",
    "file": "/work/wt/matrix/test/patchability/units.test.ts",
    "projectName": "fast"
  },
  {
    "name": "recipes/demo.ts > fixes a server under load and takes the fix back, with no request failed",
    "file": "/work/wt/matrix/test/recipes/demo.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > gives values of the described types, and defaults",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > reads --name=value, camel case and kebab case, and flags both ways",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > takes a value that looks like an option",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > makes paths absolute",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > takes the shell's process for one that is not named",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses []",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--pid\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--pid\",\"x\",\"--source\",\"/\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--pid\",\"0\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--clients\",\"many\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--dry-run=yes\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--sorce\",\"/\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"loose\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > refuses [\"--no-clients\"]",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readParameters() > says that a recipe without parameters takes none",
    "file": "/work/wt/matrix/test/recipes/parameters.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > gives a recipe typed parameters, a log, checks, Deno and $, and prints what it returns",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > keeps the JSON document whole when a recipe writes to the console",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > fails with the recipe's own words and the line where it gave up",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > fails with the checks made so far",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > keeps the kind of a refusal of the engine as the cause",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > finds its line when the refusal comes from the helper",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > --help after the recipe lists its parameters",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > lets a recipe put things in order when it is interrupted",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > says so when a recipe waits for what can no longer happen",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses a file with not a recipe",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses a file with no default export",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses a file with wrong syntax",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses a file with an unknown package",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses a file with a failure while it is loaded",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > refuses wrong parameters before it runs anything",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > explains recipes/demo.ts",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture run > explains recipes/redis.ts",
    "file": "/work/wt/matrix/test/recipes/run.test.ts",
    "projectName": "fast"
  },
  {
    "name": "bundleProgram() > leaves the engine, recipes and what they need out of what every run loads",
    "file": "/work/wt/matrix/test/scripts/bundle.test.ts",
    "projectName": "fast"
  },
  {
    "name": "bundleProgram() > loads for a command what that command needs",
    "file": "/work/wt/matrix/test/scripts/bundle.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > finds nothing wrong in this checkout's picture",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports elf reaching for image",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports image reaching for target",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports target reaching for patch",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports create reaching for a process",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports create reaching for patch",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports patch reaching for create",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports patchability reaching for create",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a leaf reaching for a room",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the helper's side reaching for a room",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a room reaching past the tracer's client",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a room reaching for the door above it",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a room entered through the window",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the door of the engine entering through a window",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports Node in a pure room",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports recipes reaching behind the engine's door",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports recipes reaching for the shell",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the shell reaching behind the engine's door",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the shell entering recipes through the window",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the session reaching for commands",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports commands reaching for the interface",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports formats using the session",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports lsp seeing the shell",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports lsp reaching behind the engine's door",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the program importing a script",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports the program importing a test's support",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a room without rules",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports dynamic imports, import types and re-exports like any other",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports a cycle of files once, with its way round",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "checkLayers() > reports cycles between tests as well",
    "file": "/work/wt/matrix/test/scripts/check-layers.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Load > counts answers by the phase in which they were asked for",
    "file": "/work/wt/matrix/test/scripts/load.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Load > counts an answer that is neither the old one nor the new one as a failure",
    "file": "/work/wt/matrix/test/scripts/load.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Load > counts a connection that breaks as a failure",
    "file": "/work/wt/matrix/test/scripts/load.test.ts",
    "projectName": "fast"
  },
  {
    "name": "setup > says in one line what somebody who is not root has to type",
    "file": "/work/wt/matrix/test/scripts/setup.test.ts",
    "projectName": "fast"
  },
  {
    "name": "summarize() > gives figures that were measured",
    "file": "/work/wt/matrix/test/scripts/statistics.test.ts",
    "projectName": "fast"
  },
  {
    "name": "summarize() > says of no figures that it does not know",
    "file": "/work/wt/matrix/test/scripts/statistics.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatTable() > sets names to the left and figures to the right",
    "file": "/work/wt/matrix/test/scripts/statistics.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseMaps() reads every field of every line",
    "file": "/work/wt/matrix/test/target/maps.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseMaps() takes anonymous memory and refuses a line that is none of the kernel's",
    "file": "/work/wt/matrix/test/target/maps.test.ts",
    "projectName": "fast"
  },
  {
    "name": "mappingAt() takes the start of a mapping and leaves its end",
    "file": "/work/wt/matrix/test/target/maps.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findGaps() tells what is free and what lies beside it",
    "file": "/work/wt/matrix/test/target/maps.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() finds program, libraries and vdso, and where they are loaded: PIE",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() finds program, libraries and vdso, and where they are loaded: non-PIE",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() finds program, libraries and vdso, and where they are loaded: bound at the start",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() finds program, libraries and vdso, and where they are loaded: in few segments",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() does not take a file that is mapped to be read for a module",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() looks into a program whose file was deleted, and one whose file was replaced",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() looks into a static program",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() refuses a process that is not there",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() finds what the program itself finds: PIE",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() finds what the program itself finds: non-PIE",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() finds what the program itself finds: bound at the start",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() finds what the program itself finds: in few segments",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() tells versions of one name apart",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() finds a variable that the program holds a copy of in the program",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() refuses nowhere_to_be_found undefined",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() refuses puts GLIBC_9.9",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() refuses errno GLIBC_PRIVATE",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() refuses gettimeofday undefined",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "findDynamicSymbol() refuses secret undefined",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "nameAt() names functions, and says as much as is known of other places",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "nameAt() takes a return address behind the end of a function for one of that function",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "openTarget() agrees with gdb about where libraries are",
    "file": "/work/wt/matrix/test/target/target.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer.references() finds nothing where nothing points",
    "file": "/work/wt/matrix/test/tracer/references.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer.references() finds an address in the target's data, and not any more when it is forgotten",
    "file": "/work/wt/matrix/test/tracer/references.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer.references() finds an address in the target's heap, and not any more when it is forgotten",
    "file": "/work/wt/matrix/test/tracer/references.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer.references() does not take the end of a range for a part of it",
    "file": "/work/wt/matrix/test/tracer/references.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stacks() > gives every thread's frames from the innermost to the outermost one",
    "file": "/work/wt/matrix/test/tracer/stacks.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stacks() > follows twenty thousand frames and the frames below a signal handler",
    "file": "/work/wt/matrix/test/tracer/stacks.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stacks() > follows frames through code that lies in a memory file",
    "file": "/work/wt/matrix/test/tracer/stacks.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > disturbs no call that blocks, over 200 stops, snapshots and borrowed threads",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > loses no signal, delivers none twice, and in order",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > leaves a stopped process stopped, and it continues when it is told to",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > stops what a SIGSTOP in the middle wanted stopped",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > gives every thread the priority and policy back that it had",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stopping > says who is tracing a process already",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stage() > makes mappings and takes them back without a trace: sleeping threads",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stage() > makes mappings and takes them back without a trace: only working threads besides the main one",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stage() > takes everything back when one place is taken",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stage() > finds a thread under a seccomp filter that allows neither",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "stage() > checks the process before it touches it",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "write() > writes what is as expected, and nothing else",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "the helper's sudden death > leaves a process running whose code it was switching",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "the helper's sudden death > leaves a thread to find its own way home whose help it had",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "the helper's sudden death > disturbs few of the calls that it had interrupted, and ends nothing",
    "file": "/work/wt/matrix/test/tracer/stop.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > says what a running process is",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a process that has ended but was not waited for",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a process under a debugger and names the debugger",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a 32-bit program",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a process of somebody else and says what would be needed",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "describeProcess() > refuses a thread that is no process",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readMaps(), readMemory() and readMappedFile() > readMemory() reads what the program has there",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readMaps(), readMemory() and readMappedFile() > readMemory() refuses memory that is not there and names the place",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readMaps(), readMemory() and readMappedFile() > readMappedFile() reads the program after it was deleted",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readMaps(), readMemory() and readMappedFile() > readMappedFile() refuses memory with no file behind it",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "listThreads() and holders() > listThreads() names every thread and its state",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "listThreads() and holders() > holders() finds the processes that map a file",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "debugInformation() > gives functions with their places, and inlined copies only on request",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "debugInformation() > refuses what has none, each by its kind",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer > answers requests that were made at once, each its own",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer > fails every pending and every later request when the helper dies",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer > start() refuses a helper that is not there or is none",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer > refuses requests after it was disposed of",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Tracer > does not keep Node alive when nobody disposes of it, and ends with Node",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture-tracer > ends quietly when its input closes",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture-tracer > answers and ends at a frame that is none",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture-tracer > ends when nobody reads its answers",
    "file": "/work/wt/matrix/test/tracer/tracer.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > redirects a function that eight threads call, back and forth, and every answer is whole []",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > redirects a function that eight threads call, back and forth, and every answer is whole [\"-no-pie\"]",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > holds threads that are born and end meanwhile",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > switches two processes or neither",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > writes nothing when one of several places holds other bytes",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > writes nothing when working threads would be held for more than 0 µs",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > writes nothing when working threads would be held for more than 1 µs",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > says that a process has gone, or that its number has another one",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() > refuses memory that nobody can write before anything has stopped",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > names a thread that sleeps inside, and its frames, and writes nothing until it is out",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > clears return addresses that were left behind on the stack, by unwinding",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > sees the function that a signal has interrupted: handler on the alternate stack",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > sees the function that a signal has interrupted: handler on the same stack",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > sees the frames below a coroutine",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > reads a stack of twenty thousand frames to its end",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > does not wait for a thread in uninterruptible sleep, and holds nobody for it",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "transition() with a thread in the way > leaves a process alone whose main thread has ended before the others: its memory cannot be reached by its pid",
    "file": "/work/wt/matrix/test/tracer/transition.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture build and inspect > print the documented JSON",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture build and inspect > write NAME.suture into the working directory when no output is named",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > change what a running program answers, and change it back, in the documented shapes",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > apply refuses the same patch twice, and leaves the first in place",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > apply --dry-run checks everything and changes nothing",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > apply names the thread that stands in the way when the time is up",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > apply gives back what it has staged when it is interrupted while it waits",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply and revert > verify ends with 7 and shows the bytes when somebody else has written over the entry",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply, list, verify and revert of several processes > take --pid more than once, and are all or nothing",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply, list, verify and revert of several processes > --exe names the file that runs",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture apply on top of a patch > says what it covers, and --replace what it replaced",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell > applies and reverts in the attached process",
    "file": "/work/wt/matrix/test/shell/apply.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeFileAtomically() > writes a new file, and replaces an old one",
    "file": "/work/wt/matrix/test/shell/atomic-file.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeFileAtomically() > says that the directory does not exist",
    "file": "/work/wt/matrix/test/shell/atomic-file.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeFileAtomically() > leaves nothing behind when it cannot finish",
    "file": "/work/wt/matrix/test/shell/atomic-file.test.ts",
    "projectName": "fast"
  },
  {
    "name": "writeFileAtomically() > says that the disk is full, and gives back what it took of it",
    "file": "/work/wt/matrix/test/shell/atomic-file.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture capture > writes the compile commands of a build, which build then uses",
    "file": "/work/wt/matrix/test/shell/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture capture > leaves an older file alone when the build fails",
    "file": "/work/wt/matrix/test/shell/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture capture > says so when nothing was compiled",
    "file": "/work/wt/matrix/test/shell/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture capture > leaves the build's own --json to the build",
    "file": "/work/wt/matrix/test/shell/capture.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > apply refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > revert refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > list refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > verify refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > recover refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > threads refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > stack refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > symbols refuses a pid that nobody has",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > apply refuses a process of another user",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > apply says that the process went away while it was waiting",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > apply refuses a process that a debugger holds",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a process that cannot be worked on > apply refuses a 32-bit process",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > apply refuses a program of another build-id",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > apply refuses an image that is truncated",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > apply refuses an image of an unknown version",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > apply refuses a diff, and says what to do with it",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > apply refuses a file that is not there",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that does not belong to the process > revert refuses a patch that is not applied",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a stripped program without debug information anywhere",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a diff that does not apply",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a file that is not a diff",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build passes on what the compiler says of the patched source",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a diff that changes no object code",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a source tree other than the one that built the program",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > build refuses a program that is not there",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "a patch that cannot be built > patchability refuses a function that the program does not have",
    "file": "/work/wt/matrix/test/shell/commands.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > shows a committed patch as a table and says how long threads were held",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > lists a line for each patch",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > says so when no patch is applied",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > shows which bytes verify did not expect",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > shows what an image holds",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > shows stacks innermost frame first, and where one breaks off",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatText() > colours only when asked to",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatJson() > writes addresses as 0x strings, on one line",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatJson() > writes bytes as hex",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatJson() > lists as an array",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatJson() > is indented for people",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "formatError() > is one line, whatever the message holds",
    "file": "/work/wt/matrix/test/shell/formats.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 5s",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 200ms",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 1.5s",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 500us",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 500µs",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 2m",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > reads 0s",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"5\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"-5s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"5 s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"5h\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"1e3s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"0x5s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"5s5\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"1.s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseDuration() > refuses \"99999999999999999999s\" and says what it takes",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseMilliseconds() > keeps what is shorter than a millisecond",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > reads a process id",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"0\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"-1\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"4242x\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"1e3\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"4194305\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"99999999999\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \" 1\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parsePid() > refuses \"self\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > reads a number",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > refuses \"0\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > refuses \"-1\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > refuses \"1.5\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > refuses \"\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "parseCount() > refuses \"many\"",
    "file": "/work/wt/matrix/test/shell/options.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > names every subcommand and every exit code",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of build gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of capture gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of inspect gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of apply gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of revert gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of list gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of verify gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of recover gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of threads gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of stack gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of symbols gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of patchability gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > of run gives examples and exit codes, and is what help prints",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --help > --version prints the package's version",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > []",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"lst\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"nothing-like-it\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"help\",\"nothing-like-it\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"nothing-like-it\",\"--help\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"list\",\"--jsno\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"list\",\"extra\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"apply\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"apply\",\"x.suture\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"apply\",\"x.suture\",\"--pid\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"apply\",\"x.suture\",\"--pid\",\"0\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"apply\",\"x.suture\",\"--pid\",\"1\",\"--timeout\",\"5\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"build\",\"a.patch\",\"--source\",\".\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"build\",\"--source\",\".\",\"--target\",\"x\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"verify\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"capture\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture refuses a wrong command line with exit code 2, one line and a way out > [\"shell\",\"x\"]",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --json > prints the error of [\"list\",\"--jsno\",\"--json\"] as one document, and its line on standard error",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --json > prints the error of [\"--json\",\"lst\"] as one document, and its line on standard error",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --json > prints the error of [\"inspect\",\"/nonexistent\",\"--json\"] as one document, and its line on standard error",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture --json > prints the error of [\"run\",\"/nonexistent.ts\",\"--json\"] as one document, and its line on standard error",
    "file": "/work/wt/matrix/test/shell/program.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > prints no prompt and ends with 0",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > goes on after an error and ends with the code of the first",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > ends at exit",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > prints JSON for every line when it was started with --json",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > takes the attached process as the one to work on",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell reading a script > refuses a process that does not exist, and stays unattached",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "suture shell at a terminal > prompts with the attached process, and remembers the lines",
    "file": "/work/wt/matrix/test/shell/shell.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"  apply  fix.suture \"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"apply 'my fix.suture'\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"a\\\"b c\\\"d\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"\\\"a \\\\\\\" b\\\" c\\\\ d\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"'' \\\"\\\"\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"# a comment\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"list # and why\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"a#b\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"'a # b'\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > splits \"\\tlist\\t\"",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > refuses \"\\\"open\", whose quote is not closed",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > refuses \"'open\", whose quote is not closed",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > refuses \"a\\\"b 'c'\", whose quote is not closed",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "splitWords() > refuses \"end\\\\\", whose quote is not closed",
    "file": "/work/wt/matrix/test/shell/words.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readRecords() > keeps what an empty tuple is followed by",
    "file": "/work/wt/matrix/test/support/gdb.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readRecords() > keeps spaces, backslashes, octal escapes and UTF-8 of strings",
    "file": "/work/wt/matrix/test/support/gdb.test.ts",
    "projectName": "fast"
  },
  {
    "name": "readRecords() > reads records of the console and of events",
    "file": "/work/wt/matrix/test/support/gdb.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Gdb > holds a process as its tracer and lets it go unchanged",
    "file": "/work/wt/matrix/test/support/gdb.test.ts",
    "projectName": "fast"
  },
  {
    "name": "Gdb > says what gdb says when it refuses",
    "file": "/work/wt/matrix/test/support/gdb.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileTarget() > compiles once for each set of flags, with a compile command for each",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "compileTarget() > says what the compiler says",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "startTarget() > gives what the program says, and its end",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "startTarget() > ends the program with its scope",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "startTarget() > refuses a program that says something else",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "snapshotOf() > is the same for a process left alone, and notices one changed byte of its code",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "withFileLock() > lets one in at a time, and the next one in when work fails",
    "file": "/work/wt/matrix/test/support/support.test.ts",
    "projectName": "fast"
  },
  {
    "name": "sourceStanzas() > asks the machine's own mirrors for sources of the release, with their keys",
    "file": "/work/wt/matrix/test/support/debian/apt-lists.test.ts",
    "projectName": "fast"
  },
  {
    "name": "sourceStanzas() > leaves out other people's repositories and those that are switched off",
    "file": "/work/wt/matrix/test/support/debian/apt-lists.test.ts",
    "projectName": "fast"
  },
  {
    "name": "sourceLines() > asks the machine's own mirrors for sources, with their options, once each",
    "file": "/work/wt/matrix/test/support/debian/apt-lists.test.ts",
    "projectName": "fast"
  },
  {
    "name": "npm run demo > fixes a server under load, takes the fix back, and loses no request",
    "file": "/work/wt/matrix/test/real/demo.test.ts",
    "projectName": "real"
  },
  {
    "name": "recipes/redis.ts > leaves the fix in place when the server answers as wanted",
    "file": "/work/wt/matrix/test/real/redis-recipe.test.ts",
    "projectName": "real"
  },
  {
    "name": "recipes/redis.ts > takes the fix back by itself when it does not",
    "file": "/work/wt/matrix/test/real/redis-recipe.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > takes CVE-2026-25243 under load and gives it back",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > takes 0006-CVE-2025-32023 under load and gives it back",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > takes 0001-Limiting-output-buffer-for-unauthenticated-client-CV under load and gives it back",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > takes 0001-Apply-security-fixes-for-CVEs-1113 under load and gives it back",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > takes CVE-2025-67733 under load and gives it back",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > keeps several fixes at once and gives them back in any order",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  },
  {
    "name": "a running redis-server > is not offered CVE-2025-46818.patch, which changes the layout of redisServer",
    "file": "/work/wt/matrix/test/real/redis.test.ts",
    "projectName": "real"
  }
]