// Objects of earlier builds. Compiling is most of a build's time, and the second patch of a program, or the second try of the
// same one, compiles much of what the first one did. An object is taken from here only when everything that it depends
// on is the same: the compiler's programs, the arguments, and the whole preprocessed text with the names of its files.
//
// What it keeps is bounded; what cannot be read, or is not whole, is not there. Nothing depends on it but time.

import { createHash } from "node:crypto";
import { lstatSync, statSync } from "node:fs";
import { readFile, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

import { trimDirectory, writeCacheFile } from "./cache-file.ts";
import { tick } from "./edited.ts";
import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import type { SourceText } from "./preprocess.ts";
import { runProgram } from "./run-program.ts";
import { realPath } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";

export interface KeptObject {
  readonly object: Uint8Array;
  /** The compiler's dependency output; empty where it was not asked for one. */
  readonly dependencies: string;
}

export interface ObjectCache {
  /** The object of this compilation of `source`, where that is known: kept, or else what `compile` makes, kept for the next time. */
  get(invocation: Invocation, source: SourceText | undefined, more: readonly string[], compile: () => Promise<KeptObject>): Promise<KeptObject>;
  /** Begins to find out which compiler this is, so that get() need not wait for it. */
  expect(invocation: Invocation): void;
  /** Ends when everything is written; removes what was not used for longest until the rest fits. */
  trim(): Promise<void>;
}

export const noObjectCache: ObjectCache = { expect: () => undefined, get: (_invocation, _source, _more, compile) => compile(), trim: () => Promise.resolve() };

const mostBytes = 512 * 1024 * 1024;

export const defaultObjectCache = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "suture", "objects");

export function openObjectCache(directory: string, tree: ShadowTree, limit = mostBytes): ObjectCache {
  const identities = new Map<string, Promise<string | undefined>>();
  const identify = (invocation: Invocation): Promise<string | undefined> => {
    const request = identityRequest(invocation);
    // Where no option that decides names a path, it is the same compiler wherever it runs: both sides ask once.
    const key = JSON.stringify([namesPath(request) ? invocation.directory : "", invocation.compiler, request]);
    const known = identities.get(key) ?? identifyCompiler(invocation, request);
    identities.set(key, known);
    return known;
  };
  let hasGrown = false;
  const writing: Promise<void>[] = [];
  return {
    expect: (invocation) => void (isKeepable(invocation) && identify(invocation).catch(() => undefined)),
    get: async (invocation, source, more, compile) => {
      const identity = source === undefined || source.isOpen || !isKeepable(invocation) ? undefined : await identify(invocation);
      if (source === undefined || identity === undefined) return compile();
      const file = join(directory, keyOf(tree, [identity, invocation.directory, ...formatInvocation(invocation, more), source.digest]));
      const kept = await readObject(file, tree);
      if (kept !== undefined) return kept;
      const made = await compile();
      writing.push(afterwards(async () => {
        if (!isUnchanged(tree, source) || namesShadow(tree, made.object)) return;
        await writeObject(file, tree, made);
        hasGrown = true;
      }));
      return made;
    },
    trim: async () => {
      await Promise.all(writing);
      if (hasGrown) await trimDirectory(directory, limit);
    },
  };
}

/** Nobody waits for it who has something to do. */
const afterwards = (work: () => Promise<void>): Promise<void> => new Promise((resolve, reject) => setImmediate(() => work().then(resolve, reject)));

/** The shadow's name is another one in every run, and so are the names of the files in its scratch directory. */
function keyOf({ shadow, scratch }: ShadowTree, words: readonly string[]): string {
  const lasting = words.map((word) => (word.startsWith(`${scratch}/`) ? "<scratch>" : word.replaceAll(shadow, "<shadow>")));
  return createHash("sha256").update(JSON.stringify(["objects 4", ...lasting])).digest("hex");
}

// Which compilations

/** Options whose files, or whose meaning, the preprocessed text does not show. */
const readsOtherFiles =
  /^(-fprofile|-fauto-profile|-fbranch-probabilities|-fplugin|-fpass-plugin|-load|-Xclang|-fmodule|-fpreprocessed|-include-pch|-fsanitize-[a-z-]*list|-wrapper|-Wa,|-Xassembler|-x|--coverage|-ftest-coverage|-frandom-seed|-imacros)/;
/** Compiling one of these takes as long as looking it up. */
const smallest = 4096;

function isKeepable({ arguments: words, spelled, directory }: Invocation): boolean {
  if (words.some((word) => word.kind === "option" && readsOtherFiles.test(word.flag))) return false;
  if (/\.c$/.test(spelled)) return (statSync(join(isAbsolute(spelled) ? "/" : directory, spelled), { throwIfNoEntry: false })?.size ?? 0) >= smallest;
  return /\.(cc|cpp|cxx|c\+\+|C)$/.test(spelled);
}

// Which compiler

/** The options that decide which programs run and with which of their own defaults. */
function identityRequest({ arguments: words, spelled }: Invocation): readonly string[] {
  const deciding = words.filter((word) => word.kind === "option" && /^(-m|-B|-b|-V|-specs|--?target|--sysroot|-isysroot|-fno-integrated|-fintegrated|-std|--param)/.test(word.flag));
  return ["-###", "-pipe", ...formatInvocation({ compiler: "", directory: "", arguments: deciding, recorded: [], spelled }, []),
    "-x", spelled.endsWith(".c") ? "c" : "c++", "-c", "/dev/null", "-o", "/dev/null"];
}

const namesPath = (request: readonly string[]): boolean => request.some((word) => /^(-B|-specs|--sysroot|-isysroot)/.test(word));

/** What the compiler says that it would run, and the state of each of these programs. */
async function identifyCompiler({ compiler, directory }: Invocation, request: readonly string[]): Promise<string | undefined> {
  const { status, errors } = await runProgram(compiler, request, { directory, environment: compilerEnvironment });
  const commands = [...errors.matchAll(/^ "?([^\s"(]+)"? .*$/gm)].map(([, program = ""]) => program);
  const states = [compiler, ...commands].map((program) => stateOf(program, errors));
  if (status !== 0 || commands.length === 0 || states.includes(undefined)) return undefined;
  // clang names the directory, which is another one in every run where it is the shadow's.
  return JSON.stringify([errors.replaceAll(directory, "<directory>"), states]);
}

function stateOf(program: string, said: string): string | undefined {
  const paths = (/^COMPILER_PATH=(.*)$/m.exec(said)?.[1] ?? "").split(delimiter).concat((process.env["PATH"] ?? "").split(delimiter));
  const candidates = program.includes("/") ? [program] : paths.filter(Boolean).map((path) => join(path, program));
  for (const candidate of candidates) {
    const found = statSync(candidate, { throwIfNoEntry: false, bigint: true });
    if (found?.isFile() === true) return `${realPath(candidate)} ${found.size} ${found.mtimeNs}`;
  }
  return undefined;
}

// What must not be kept

/** Where the compiler reads the source itself, an edit after preprocessing would pair the old text with the object of the new one. */
function isUnchanged(tree: ShadowTree, { files, begun }: SourceText): boolean {
  return files.every((path) => {
    const own = path.startsWith(`${tree.shadow}/`) && lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
    const found = own ? undefined : statSync(path, { throwIfNoEntry: false });
    return found?.isFile() !== true || Math.max(found.mtimeMs, found.ctimeMs) < begun - tick;
  });
}

const namesShadow = ({ shadow, scratch }: ShadowTree, object: Uint8Array): boolean =>
  [shadow, scratch].some((path) => Buffer.from(object.buffer, object.byteOffset, object.byteLength).includes(path));

// Files: the digest of what follows, the length of the dependencies, the dependencies, the object.

const digestBytes = 32;
const headBytes = digestBytes + 4;

async function readObject(file: string, { shadow }: ShadowTree): Promise<KeptObject | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined || bytes.length < headBytes || !digestOf(bytes.subarray(digestBytes)).equals(bytes.subarray(0, digestBytes))) return undefined;
  const now = new Date();
  await utimes(file, now, now).catch(() => undefined);
  const end = headBytes + bytes.readUInt32LE(digestBytes);
  return { dependencies: bytes.toString("latin1", headBytes, end).replaceAll("<shadow>", shadow), object: bytes.subarray(end) };
}

async function writeObject(file: string, { shadow }: ShadowTree, { object, dependencies }: KeptObject): Promise<void> {
  const text = Buffer.from(dependencies.replaceAll(shadow, "<shadow>"), "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const body = Buffer.concat([length, text, object]);
  await writeCacheFile(file, Buffer.concat([digestOf(body), body]), { file: 0o600, directory: 0o700 });
}

const digestOf = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
