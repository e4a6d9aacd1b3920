// Objects of earlier builds. Compiling is most of a build's time, and the second patch of a program, or the second try of the
// same one, compiles much of what the first one did. An object is taken from here only when everything that it depends
// on is the same: the compiler's programs, the arguments, and the whole preprocessed text with the names of its files.
//
// What it keeps is bounded; what cannot be read, or is not whole, is not there. Nothing depends on it but time.

import { createHash } from "node:crypto";
import { lstatSync, statSync } from "node:fs";
import { readFile, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

import { trimDirectory, writeCacheFile } from "./cache-file.ts";
import type { Compilers } from "./compilers.ts";
import { tick } from "./edited.ts";
import { formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import type { SourceText } from "./preprocess.ts";
import type { ShadowTree } from "./source-tree.ts";

export interface KeptObject {
  readonly object: Uint8Array;
  /** The compiler's dependency output; empty where it was not asked for one. */
  readonly dependencies: string;
}

export interface ObjectCache {
  /** The object of this compilation of `source`, where that is known: kept, or else what `compile` makes, kept for the next time. */
  get(invocation: Invocation, source: SourceText | undefined, more: readonly string[], compile: () => Promise<KeptObject>): Promise<KeptObject>;
  /** Ends when everything is written; removes what was not used for longest until the rest fits. */
  trim(): Promise<void>;
}

export const noObjectCache: ObjectCache = { get: (_invocation, _source, _more, compile) => compile(), trim: () => Promise.resolve() };

const mostBytes = 512 * 1024 * 1024;

export const defaultObjectCache = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "suture", "objects");

export function openObjectCache(directory: string, tree: ShadowTree, compilers: Compilers, limit = mostBytes): ObjectCache {
  let hasGrown = false;
  const writing: Promise<void>[] = [];
  return {
    get: async (invocation, source, more, compile) => {
      const identity = source === undefined || source.isOpen || !isKeepable(invocation) ? undefined : await compilers.identify(invocation);
      if (source === undefined || identity === undefined) return compile();
      const file = join(directory, keyOf(tree, [identity.programs, invocation.directory, ...formatInvocation(invocation, more), source.digest]));
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
