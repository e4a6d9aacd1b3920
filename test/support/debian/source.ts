// A Debian source package, unpacked with none of its patches applied: `debian/patches/series` names the fixes, one
// file each, that tests leave out of a build and then apply to the running program.

import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "../cache.ts";
import { withFileLock } from "../file-lock.ts";
import { openPrivateApt, type PrivateApt } from "./apt-lists.ts";

const run = promisify(execFile);

export interface DebianSource {
  readonly name: string;
  readonly version: string;
  /** Newer versions, which the mirror's lists name and its pool does not have. */
  readonly unavailable: readonly string[];
  /** Unpacked and unpatched; shared, never to be changed. */
  readonly directory: string;
  /** The patches in the order in which the package applies them, as `series` spells them. */
  readonly series: readonly string[];
}

/** The path of one of the package's patches. The name may leave out the directory that `series` spells. */
export function patchFile(source: DebianSource, name: string): string {
  return join(source.directory, "debian/patches", spelledInSeries(source, name));
}

/** The patches up to and with this one. */
export function seriesUpTo(source: DebianSource, name: string): readonly string[] {
  return source.series.slice(0, source.series.indexOf(spelledInSeries(source, name)) + 1);
}

function spelledInSeries({ name: source, version, series }: DebianSource, name: string): string {
  const spelled = series.find((entry) => entry === name || entry.endsWith(`/${name}`));
  if (spelled === undefined) throw new Error(`Cannot find ${name} in the patches of ${source} ${version}; it has ${series.join(", ")}`);
  return spelled;
}

/** The newest version that the mirror really has: what its lists name can be missing from its pool for a while, and is then told on standard error. */
export async function fetchDebianSource(name: string): Promise<DebianSource> {
  const home = await cacheDirectory("debian", name);
  return withFileLock(join(home, "lock"), async () => {
    const apt = await openPrivateApt();
    await apt.update();
    const failures: string[] = [];
    const unavailable: string[] = [];
    for (const version of await listVersions(apt, name)) {
      const directory = join(await versionDirectory(name, version), "source");
      try {
        if (!(await exists(directory))) await unpack(apt, { name, version, directory });
        if (unavailable.length > 0) process.stderr.write(`${name}: the source of ${version} is used; newer ones are listed, and cannot be had: ${failures.join("; ")}\n`);
        return { name, version, unavailable, directory, series: await readSeries(directory) };
      } catch (error) {
        unavailable.push(version);
        failures.push(`${version}: ${error instanceof Error ? error.message.trim() : String(error)}`);
      }
    }
    throw new Error(`Cannot fetch the source of ${name}: ${failures.join("; ") || "no list of the machine's mirrors names it"}`);
  });
}

/** Where a version's files and builds are kept. Without the colon of an epoch, which lists of paths would take apart. */
export const versionDirectory = (name: string, version: string): Promise<string> => cacheDirectory("debian", name, version.replace(":", "_"));

/** Newest first. */
async function listVersions(apt: PrivateApt, name: string): Promise<string[]> {
  const paragraphs = (await apt.run("apt-cache", ["showsrc", "--only-source", name])).split(/\n\n+/);
  const versions = new Set(paragraphs.flatMap((paragraph) => /^Version: (\S+)/m.exec(paragraph)?.[1] ?? []));
  const ranked = await Promise.all([...versions].map(async (version) => ({ version, rank: await countOlder(version, versions) })));
  return ranked.sort((a, b) => b.rank - a.rank).map(({ version }) => version);
}

async function countOlder(version: string, others: ReadonlySet<string>): Promise<number> {
  const isNewer = (other: string): Promise<boolean> => run("dpkg", ["--compare-versions", version, "gt", other]).then(() => true, () => false);
  return (await Promise.all([...others].map(isNewer))).filter(Boolean).length;
}

async function unpack(apt: PrivateApt, { name, version, directory }: Pick<DebianSource, "name" | "version" | "directory">): Promise<void> {
  const downloads = await versionDirectory(name, version);
  await apt.run("apt-get", ["source", "--download-only", "--only-source", `${name}=${version}`], { cwd: downloads });
  const description = (await readdir(downloads)).find((file) => file.endsWith(".dsc"));
  if (description === undefined) throw new Error(`apt-get source left no .dsc in ${downloads}`);
  const scratch = await mkdtemp(join(downloads, "unpack-"));
  try {
    // apt has checked the signatures of the lists and the hashes of the files.
    await run("dpkg-source", ["--no-check", "--skip-patches", "-x", join(downloads, description), join(scratch, "source")]);
    await rename(join(scratch, "source"), directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function readSeries(directory: string): Promise<readonly string[]> {
  const text = await readFile(join(directory, "debian/patches/series"), "utf8");
  return text.split("\n").map((line) => line.replace(/\s*#.*/, "").trim()).filter(Boolean);
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
