// Where compilers look for files that sources name, as far as options and environment say.

import { delimiter, resolve } from "node:path";

import type { Argument } from "./compiler-arguments.ts";
import type { Invocation } from "./invocation.ts";

/** Options with a directory for headers. */
const searchOption = /^-(?:I|F|iquote|isystem|isystem-after|cxx-isystem|idirafter)$/;
/** Options with a file that comes before the unit's own. */
export const includingOption = /^-(?:include|imacros)$/;

export const valuesOf = (words: readonly Argument[], option: RegExp): readonly string[] =>
  words.flatMap((word) => (word.kind === "option" && word.value !== undefined && option.test(word.flag) ? [word.value] : []));

/** Those of the command and of the environment, absolute. */
export const searchedDirectories = ({ arguments: words, directory }: Pick<Invocation, "arguments" | "directory">): readonly string[] =>
  [...valuesOf(words, searchOption), ...headerVariables.flatMap((name) => process.env[name]?.split(delimiter) ?? [])].map((path) => resolve(directory, path));

/** Lists of directories; an empty name is the working directory. */
const headerVariables = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"];
export const searchVariables = [...headerVariables, "GCC_EXEC_PREFIX", "COMPILER_PATH"];

/** Options with files of their own that a compiler reads, or with which it does not say what it reads. */
const readsUnseen = /^(-?-specs|--include|--imacros|--config|-Xpreprocessor|-Xclang|-fmodule|-ivfsoverlay|-include-pch|-I-$|-Wp,(?!-[DU][^,]*(,-[DU][^,]*)*$))/;
/** Options by which the compiler finds the places of its own headers. */
export const looksElsewhere = /^(--sysroot|-isysroot|-B|--prefix|-i(prefix|withprefix|multilib)|--?gcc-toolchain)/;

export const hasUnseenFiles = ({ arguments: words }: Invocation): boolean =>
  words.some((word) => word.kind === "option" && (readsUnseen.test(word.flag) || (searchOption.test(word.flag) && /^(=|\$SYSROOT)/.test(word.value ?? ""))));
