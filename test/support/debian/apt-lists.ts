// An apt of our own for source packages: the machine's mirrors, our own lists and cache. The machine's configuration
// is read and never written, and being root is not needed.

import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "../cache.ts";

const run = promisify(execFile);
const maxAge = 24 * 60 * 60 * 1000;

export interface PrivateApt {
  /** Standard output of `apt-get` or `apt-cache` with our lists. */
  run(program: "apt-get" | "apt-cache", words: readonly string[], options?: { readonly cwd?: string }): Promise<string>;
  /** Fetches the lists when they are absent or a day old; old ones do where the mirror is out of reach. */
  update(): Promise<void>;
}

export async function openPrivateApt(): Promise<PrivateApt> {
  const home = await cacheDirectory("apt");
  const directories = { sources: join(home, "sources"), lists: join(home, "lists"), cache: join(home, "cache") };
  for (const directory of Object.values(directories)) await mkdir(directory, { recursive: true });
  await writeSourceLists(directories.sources);
  const options = [
    "Dir::Etc::sourcelist=/dev/null", `Dir::Etc::sourceparts=${directories.sources}`, `Dir::State::lists=${directories.lists}`,
    `Dir::Cache=${directories.cache}`, "Acquire::Languages=none", "APT::Sandbox::User=root", "Acquire::Retries=2",
  ].flatMap((option) => ["-o", option]);
  const apt: PrivateApt = {
    run: async (program, words, { cwd } = {}) => {
      const { stdout } = await run(program, ["-q", ...options, ...words], { maxBuffer: 1 << 26, ...(cwd === undefined ? {} : { cwd }) });
      return stdout;
    },
    update: () => updateLists(apt, join(home, "updated")),
  };
  return apt;
}

async function updateLists(apt: PrivateApt, stamp: string): Promise<void> {
  const age = await stat(stamp).then(({ mtimeMs }) => Date.now() - mtimeMs, () => Infinity);
  if (age < maxAge) return;
  try {
    await apt.run("apt-get", ["update", "--error-on=any"]);
  } catch (error) {
    if (age === Infinity) throw error;
    return;
  }
  await writeFile(stamp, "");
  await utimes(stamp, new Date(), new Date());
}

async function writeSourceLists(directory: string): Promise<void> {
  const { release, files } = await readMachineSources();
  const stanzas = files.flatMap(({ name, text }) => (name.endsWith(".sources") ? sourceStanzas(text, release) : []));
  const lines = files.flatMap(({ name, text }) => (name.endsWith(".list") ? sourceLines(text, release) : []));
  const fallback = ["", "-updates", "-security"].map((part) =>
    `deb-src http://deb.debian.org/debian${part === "-security" ? part : ""} ${release}${part} main`);
  await writeFile(join(directory, "suture.sources"), stanzas.join("\n\n"));
  await writeFile(join(directory, "suture.list"), `${(stanzas.length + lines.length > 0 ? lines : fallback).join("\n")}\n`);
}

async function readMachineSources(): Promise<{ release: string; files: readonly { name: string; text: string }[] }> {
  const release = /^VERSION_CODENAME=(\S+)/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "stable";
  const parts = await readdir("/etc/apt/sources.list.d").catch(() => []);
  const names = ["/etc/apt/sources.list", ...parts.map((name) => `/etc/apt/sources.list.d/${name}`)];
  const files = names.map(async (name) => ({ name, text: await readFile(name, "utf8").catch(() => "") }));
  return { release, files: await Promise.all(files) };
}

/** Not the backports, which have other versions, and not other people's repositories, which have no source of Debian's. */
const isOfRelease = (suite: string, release: string): boolean => [release, `${release}-updates`, `${release}-security`].includes(suite);

/** `deb822` paragraphs, with everything they say about mirrors and keys, asking for sources. */
export function sourceStanzas(text: string, release: string): string[] {
  const withoutComments = text.split("\n").filter((line) => !line.startsWith("#")).join("\n");
  return withoutComments.split(/\n\s*\n/).flatMap((paragraph) => {
    const suites = (/^Suites:(.*)$/mi.exec(paragraph)?.[1] ?? "").trim().split(/\s+/).filter((suite) => isOfRelease(suite, release));
    const isOff = /^Enabled:\s*(no|false|off|0)\s*$/mi.test(paragraph);
    if (suites.length === 0 || isOff) return [];
    const fields = paragraph.replace(/^Architectures:.*\n?/mi, "").replace(/^Types:.*$/mi, "Types: deb-src").replace(/^Suites:.*$/mi, `Suites: ${suites.join(" ")}`);
    return [fields.trim()];
  });
}

/** One-line entries, `deb [options] URI suite components`, asking for sources. */
export function sourceLines(text: string, release: string): string[] {
  const lines = text.split("\n").flatMap((line) => {
    const [, options = "", uri = "", suite = "", components = ""] = /^\s*deb(?:-src)?\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line) ?? [];
    return isOfRelease(suite, release) ? [`deb-src ${options}${uri} ${suite} ${components.trim()}`] : [];
  });
  return [...new Set(lines)];
}
