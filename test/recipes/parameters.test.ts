import { describe, expect, it } from "vitest";
import { readParameters } from "../../recipes/mod.ts";

const descriptions = {
  pid: { type: "pid", description: "the server" },
  source: { type: "path", description: "the tree" },
  clients: { type: "number", description: "how many", default: 4 },
  maxStop: { type: "text", description: "how long", default: "5ms" },
  dryRun: { type: "flag", description: "change nothing" },
  load: { type: "flag", description: "put a load on it", default: true },
} as const;

const read = (...words: readonly string[]) => readParameters(descriptions, words);

describe("readParameters()", () => {
  it("gives values of the described types, and defaults", () => {
    expect(read("--pid", "42", "--source", "/tmp/x")).toEqual({
      pid: 42, source: "/tmp/x", clients: 4, maxStop: "5ms", dryRun: false, load: true,
    });
  });

  it("reads --name=value, camel case and kebab case, and flags both ways", () => {
    expect(read("--pid=42", "--source=/x=y", "--max-stop", "1ms", "--dry-run", "--no-load")).toMatchObject({
      source: "/x=y", maxStop: "1ms", dryRun: true, load: false,
    });
    expect(read("--pid=42", "--source=/", "--maxStop", "", "--dryRun")).toMatchObject({ maxStop: "", dryRun: true });
  });

  it("takes a value that looks like an option", () => {
    expect(read("--pid", "42", "--source", "/", "--maxStop", "--pid")).toMatchObject({ maxStop: "--pid" });
  });

  it("makes paths absolute", () => {
    expect(read("--pid", "42", "--source", "tree").source).toBe(`${process.cwd()}/tree`);
  });

  it("takes the shell's process for one that is not named", () => {
    expect(readParameters(descriptions, ["--source", "/"], { pid: 7 }).pid).toBe(7);
  });

  it.each([
    [[], "missing --pid, --source"],
    [["--pid"], "--pid needs a value"],
    [["--pid", "x", "--source", "/"], `--pid is "x", which is not a process id`],
    [["--pid", "0"], `--pid is "0", which is not a process id`],
    [["--clients", "many"], `--clients is "many", which is not a number`],
    [["--dry-run=yes"], "--dry-run takes no value"],
    [["--sorce", "/"], `unknown parameter "--sorce"; the recipe takes --pid, --source, --clients, --max-stop, --dry-run, --load`],
    [["loose"], `unknown parameter "loose"; the recipe takes`],
    [["--no-clients"], `unknown parameter "--no-clients"`],
  ])("refuses %j", (words, found) => {
    expect(() => read(...words)).toThrow(`Cannot read the recipe's parameters: ${found}`);
  });

  it("says that a recipe without parameters takes none", () => {
    expect(() => readParameters({}, ["--x"])).toThrow(`unknown parameter "--x"; the recipe takes none`);
  });
});
