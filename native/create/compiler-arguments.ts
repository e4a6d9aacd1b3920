// The arguments of gcc and clang, as far as the Creator must understand them: which word is the source, which options
// name paths, and which would write files of their own, so that a unit can be compiled again without leaving a trace.

/** One argument of a compiler: an input file, or an option with its value. */
export type Argument =
  | { readonly kind: "input"; readonly path: string }
  | { readonly kind: "option"; readonly flag: string; readonly value?: string; readonly isJoined: boolean };

/** Options whose value is a path. Longer names first where one begins with another. */
const pathOptions = [
  "-include-pch", "-include", "-imacros", "-iquote", "-isystem-after", "-isystem", "-idirafter", "-isysroot", "-cxx-isystem",
  "-ivfsoverlay", "--sysroot=", "--sysroot", "-fmodule-map-file=", "-specs=", "-fprofile-use=", "-fprofile-instr-use=", "-I", "-B", "-F",
];
/** Options whose value is the next word, or the rest of the same one. */
const valueOptions = [
  "-o", "-D", "-U", "-x", "-L", "-l", "-T", "-u", "-A", "-MF", "-MT", "-MQ", "-MJ",
];
/** Options whose value is always the next word. */
const separateOptions = new Set([
  "-Xlinker", "-Xassembler", "-Xpreprocessor", "-Xclang", "-target", "--target", "-arch", "--param", "-aux-info", "-mllvm", "-z", "-e", "-b", "-V",
  "-dumpbase", "-dumpdir", "-dumpbase-ext", "-iprefix", "-iwithprefix", "-iwithprefixbefore", "-imultilib", "-G", "-framework",
  "--serialize-diagnostics", "-serialize-diagnostics",
]);
/** Options that begin like one with a value and have none. */
const plainOptions = new Set(["-MD", "-MMD", "-M", "-MM", "-MG", "-MP", "-MV", "-ansi", "-undef", "-fopenmp", "-openmp", "-I-"]);

const isPathOption = (flag: string): boolean => pathOptions.includes(flag);

/** Takes words (without the compiler's own) apart. */
export function parseArguments(words: readonly string[]): readonly Argument[] {
  const parsed: Argument[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const argument = parseWord(word);
    if (argument.kind === "option" && argument.value === undefined && takesNextWord(argument.flag) && at + 1 < words.length) {
      parsed.push({ ...argument, value: words[++at] ?? "" });
    } else {
      parsed.push(argument);
    }
  }
  return parsed;
}

const takesNextWord = (flag: string): boolean =>
  separateOptions.has(flag) || ((isPathOption(flag) || valueOptions.includes(flag)) && !flag.endsWith("="));

function parseWord(word: string): Argument {
  if (!word.startsWith("-") || word === "-") return { kind: "input", path: word };
  if (plainOptions.has(word) || separateOptions.has(word)) return { kind: "option", flag: word, isJoined: false };
  const flag = [...pathOptions, ...valueOptions].find((option) => word.startsWith(option));
  if (flag === undefined || word === flag) return { kind: "option", flag: word, isJoined: false };
  return { kind: "option", flag, value: word.slice(flag.length), isJoined: true };
}

/** The inverse of {@link parseArguments}. */
export const formatArguments = (parsed: readonly Argument[]): string[] => parsed.flatMap((argument) => {
  if (argument.kind === "input") return [argument.path];
  if (argument.value === undefined) return [argument.flag];
  return argument.isJoined ? [argument.flag + argument.value] : [argument.flag, argument.value];
});

/** Every path among the arguments through `map`. */
export const mapPaths = (parsed: readonly Argument[], map: (path: string) => string): readonly Argument[] =>
  parsed.map((argument) => {
    if (argument.kind === "input") return { ...argument, path: map(argument.path) };
    // `-I=dir` is below the sysroot, not a path of the tree.
    if (argument.value === undefined || !isPathOption(argument.flag) || argument.value.startsWith("=")) return argument;
    return { ...argument, value: map(argument.value) };
  });

/** The object file that a command names. */
export function outputOf(words: readonly string[]): string | undefined {
  const output = parseArguments(words).findLast((argument) => argument.kind === "option" && argument.flag === "-o");
  return output?.kind === "option" ? output.value : undefined;
}

const dependencyOption = /^(-M[A-Z]*|-Wp,-M.*)$/;
// What else would write files, colour messages, leave debug information elsewhere or compress it, undo the sections of their own, or make
// an error of a remark about a pinned line number: the object is what counts here.
const strippedOption =
  /^(-c|-o|-save-temps(=.*)?|--save-temps|-gsplit-dwarf(=.*)?|-fno-(function|data)-sections|-fno-unique-section-names|-f(no-)?diagnostics-color(=.*)?|-f(no-)?color-diagnostics|-fstack-usage|-fcallgraph-info(=.*)?|-fdump-.*|-gz(=.*)?|-Wa,--compress-debug-sections(=.*)?|-ftime-trace(=.*)?|-fsave-optimization-record(=.*)?|-aux-info|-?-serialize-diagnostics|-Werror(=.*)?|-pedantic-errors|-v|-###)$/;

/** The arguments without inputs other than the source, and without what {@link compileObjectPairs} decides itself. */
export const stripArguments = (parsed: readonly Argument[], isSource: (path: string) => boolean): readonly Argument[] =>
  parsed.filter((argument) => argument.kind === "input"
    ? isSource(argument.path)
    : !dependencyOption.test(argument.flag) && !strippedOption.test(argument.flag));

/** Does the compiler stop before the object: preprocessed text, assembly, syntax check only? */
export const makesNoObject = (parsed: readonly Argument[]): boolean =>
  parsed.some((argument) => argument.kind === "option" && ["-E", "-S", "-fsyntax-only", "-M", "-MM"].includes(argument.flag));

/** Link-time optimisation, as the last of its options leave it: objects for it alone, or with code of their own beside (fat). */
export function linkTimeOptimisation(parsed: readonly Argument[]): "only" | "fat" | undefined {
  if (lastOf(parsed, /^-f(no-)?lto(=.*)?$/)?.startsWith("-flto") !== true) return undefined;
  return lastOf(parsed, /^-f(no-)?fat-lto-objects$/) === "-ffat-lto-objects" ? "fat" : "only";
}

function lastOf(parsed: readonly Argument[], option: RegExp): string | undefined {
  const last = parsed.findLast((argument) => argument.kind === "option" && option.test(argument.flag));
  return last?.kind === "option" ? last.flag : undefined;
}
