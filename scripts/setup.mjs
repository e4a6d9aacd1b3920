// Makes a checkout ready: Debian packages, npm packages, the native helper, the program's bundle. Plain Node without
// dependencies, because it runs before there are any. Every step compares first and works only when something is
// missing or has changed, so that running it again costs next to nothing and says nothing.
//
// What it refuses: to touch the machine's configuration. It installs Debian packages when it is root; otherwise it
// says what to type and ends.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const modules = join(root, "node_modules");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "suture");

/** What for: the helper; the Creator; debuggers and process tools of tests and benchmarks; real programs in the tests. */
const debianPackages = [
  "g++", "gcc", "cmake", "ninja-build", "libdw-dev", "libelf-dev", "zlib1g-dev", "liblzma-dev", "libbz2-dev", "libcapstone-dev", "nlohmann-json3-dev", "doctest-dev",
  "patch", "bear", "binutils", "make", "clang", "lld", "gcc-11",
  "gdb", "linux-perf", "procps", "strace", "tmux", "util-linux", "debuginfod", "libdebuginfod1", "dwz", "xz-utils",
  "dpkg-dev", "ca-certificates", "libssl-dev", "libpcre2-dev", "pkg-config", "tcl", "wrk",
];

class SetupFailure extends Error {}

main();

function main() {
  try {
    requireNode(20);
    const stale = steps().filter((step) => !step.isDone());
    if (stale.length === 0) return;
    if (process.env.SUTURE_SETUP_LOCKED !== "1") {
      process.exitCode = runUnderLock();
      return;
    }
    // In this order: each needs the one before, and may make the next one stale.
    for (const step of steps()) if (!step.isDone()) perform(step);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function requireNode(major) {
  if (Number(process.versions.node.split(".")[0]) >= major) return;
  throw new SetupFailure(`Cannot set up: this is Node ${process.versions.node}, and Suture needs ${major} or newer; see https://nodejs.org/en/download`);
}

function steps() {
  return [packagesStep(), modulesStep(), helperStep(), bundleStep()];
}

function perform({ name, run }) {
  const started = Date.now();
  console.log(`set-up: ${name}`);
  run();
  const seconds = (Date.now() - started) / 1000;
  if (seconds >= 1) console.log(`set-up: ${name}: done in ${seconds.toFixed(0)} s`);
}

/** Two set-ups at once: the second waits, then finds nothing to do. The kernel frees the lock of one that dies. */
function runUnderLock() {
  mkdirSync(cache, { recursive: true });
  const parameters = [join(cache, `setup-${shortHash(root)}.lock`), process.execPath, fileURLToPath(import.meta.url)];
  const { status, error } = spawnSync("flock", parameters, { stdio: "inherit", env: { ...process.env, SUTURE_SETUP_LOCKED: "1" } });
  if (error) throw new SetupFailure(`Cannot set up: flock does not start (${error.message}); it is part of util-linux`);
  return status === null ? 1 : status;
}

// Debian packages

function packagesStep() {
  const missing = missingPackages();
  return {
    name: `Debian packages: ${missing.join(" ")}`,
    isDone: () => missing.length === 0,
    run: () => installPackages(missing),
  };
}

/** Everywhere else than on Debian and its relatives the user knows better what provides these. */
function missingPackages() {
  const { status, stdout, error } = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...debianPackages], { encoding: "utf8" });
  if (error || status === 2) return [];
  const installed = new Set(stdout.split("\n").filter((line) => line.endsWith(" installed")).map((line) => line.split(" ")[0]));
  // Debian 12 calls it pkgconf and keeps pkg-config as an empty package; either one will do.
  if (existsSync("/usr/bin/pkg-config")) installed.add("pkg-config");
  return debianPackages.filter((name) => !installed.has(name));
}

function installPackages(missing) {
  const command = ["install", "--yes", "--no-install-recommends", ...missing];
  if (process.getuid() !== 0) {
    throw new SetupFailure(`Cannot set up: Debian packages are missing; type: sudo apt-get update && sudo apt-get ${command.join(" ")}`);
  }
  // With the lists that are there; they may be absent (containers) or older than what the mirror still has.
  if (apt(command).status === 0) return;
  apt(["update"]);
  const { status, output } = apt(command);
  if (status !== 0) throw new SetupFailure(`${output}\nCannot set up: apt-get ${command.join(" ")} failed with code ${status}`);
}

function apt(words) {
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return runQuietly("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...words], { env: environment });
}

// npm packages

function modulesStep() {
  const stamp = join(modules, ".suture-stamp");
  const inputs = hashFiles([join(root, "package.json"), join(root, "package-lock.json")], process.version.split(".")[0]);
  return {
    name: "npm packages",
    isDone: () => readStamp(stamp) === inputs,
    run: () => {
      // In place where there are some already: others may be using them.
      const words = existsSync(modules) ? ["install", "--no-save"] : ["ci"];
      // "npm run --silent" would have the npm inside say nothing either, not even why it fails.
      runOrFail("npm", [...words, "--no-audit", "--no-fund", "--loglevel=error"], `npm ${words.join(" ")} failed; is the registry within reach?`);
      ensureEsbuild();
      writeFileSync(stamp, inputs);
    },
  };
}

/** npm may be set to withhold install scripts; esbuild does without its own wherever its optional package came along. */
function ensureEsbuild() {
  const works = () => spawnSync(join(modules, ".bin/esbuild"), ["--version"]).status === 0;
  if (works()) return;
  runOrFail(process.execPath, [join(modules, "esbuild/install.js")], "esbuild has no program for this machine");
  if (!works()) throw new SetupFailure("Cannot set up: esbuild does not start after its installation; remove node_modules and try again");
}

// The native helper

function helperStep() {
  const sources = join(root, "native/tracer");
  const stamp = join(dist, ".suture-tracer-stamp");
  const product = join(dist, "suture-tracer");
  const files = filesUnder(sources, (path) => /\.(cc|h)$/.test(path) && !path.includes("/tests/"));
  const inputs = () => hashFiles([...files, join(sources, "CMakeLists.txt")], compilerIdentity());
  return {
    name: "compiling the helper",
    isDone: () => readStamp(stamp) === `${inputs()} ${identityOf(product)}`,
    run: () => {
      const build = join(cache, `tracer-${shortHash(root)}`);
      configure(sources, build);
      runOrFail("cmake", ["--build", build, "--target", "suture-tracer", "--parallel", "2"], "the helper does not compile");
      installFile(join(build, "suture-tracer"), product);
      writeFileSync(stamp, `${inputs()} ${identityOf(product)}`);
    },
  };
}

function configure(sources, build) {
  const words = ["-S", sources, "-B", build, "-G", "Ninja"];
  if (runQuietly("cmake", words).status === 0) return;
  // Made by another cmake or compiler that has gone since.
  rmSync(build, { recursive: true, force: true });
  runOrFail("cmake", words, "cmake cannot configure the helper");
}

function compilerIdentity() {
  const compiler = "/usr/bin/g++";
  return existsSync(compiler) ? `${realpathSync(compiler)} ${identityOf(realpathSync(compiler))}` : "";
}

/** By renaming, so that a helper at work keeps its file. */
function installFile(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const fresh = `${to}.${process.pid}`;
  copyFileSync(from, fresh);
  chmodSync(fresh, 0o755);
  renameSync(fresh, to);
}

// The program

function bundleStep() {
  const stamp = join(dist, ".suture-stamp");
  const isSource = (path) => path.endsWith(".ts");
  const files = () => ["shell", "recipes", "native"].flatMap((room) => filesUnder(join(root, room), isSource));
  const makers = ["build.ts", "bundle.ts", "past-the-doors.ts", "compile-ahead.ts", "compile-ahead/keeper.ts", "write-whole.ts"].map((name) => join(root, "scripts", name));
  const inputs = () => hashFiles([...files(), ...makers, join(root, "package.json"), join(root, "package-lock.json")], process.version);
  const programs = () => (existsSync(dist) ? readdirSync(dist).filter((name) => /^program-[0-9a-f]+\.js$/.test(name)).sort().join() : "");
  const state = () => `${inputs()} ${identityOf(join(dist, "suture.js"))} ${identityOf(join(dist, "api.mjs"))} ${programs()}`;
  return {
    name: "bundling the program",
    isDone: () => readStamp(stamp) === state(),
    run: () => {
      runOrFail(join(modules, ".bin/tsx"), [join(root, "scripts/build.ts")], "the program cannot be bundled");
      writeFileSync(stamp, state());
    },
  };
}

// Tools of the steps

function runQuietly(command, parameters, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, parameters, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  return { status: error ? 127 : status, output: error ? error.message : `${stdout}${stderr}`.trimEnd() };
}

/** What the command said is shown only when it fails. */
function runOrFail(command, parameters, complaint) {
  const { status, output } = runQuietly(command, parameters);
  if (status !== 0) throw new SetupFailure(`${output}\nCannot set up: ${complaint} (code ${status})`);
}

function filesUnder(directory, isWanted) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesUnder(path, isWanted) : isWanted(path) ? [path] : [];
    })
    .sort();
}

/** By contents, so that a checkout, which touches every file, changes nothing. */
function hashFiles(paths, ...more) {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const path of paths) if (existsSync(path)) hash.update(`\0${path.slice(root.length)}\0`).update(readFileSync(path));
  return hash.digest("hex");
}

function shortHash(text) {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Notices a product that somebody else has replaced, without reading it. */
function identityOf(path) {
  if (!existsSync(path)) return "absent";
  const { size, mtimeMs } = statSync(path);
  return `${size}:${mtimeMs}`;
}

function readStamp(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
