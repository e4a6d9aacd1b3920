import { describe, expect, it } from "vitest";
import { readRedisBenchmark, readWrk } from "../../scripts/bench/latency-servers.ts";
import { readOptions, UsageError } from "../../scripts/bench/options.ts";
import { scenariosOf } from "../../scripts/bench/pause.ts";

describe("readOptions()", () => {
  const known = ["pause", "soak"];

  it("runs everything when nothing is named, and what is named in the order of the table", () => {
    expect(readOptions([], known).benchmarks).toEqual(known);
    expect(readOptions(["soak", "pause"], known).benchmarks).toEqual(known);
    expect(readOptions(["soak"], known).benchmarks).toEqual(["soak"]);
  });

  it("reads numbers and lists of them", () => {
    expect(readOptions(["pause", "--threads", "1,64", "--hogs", "0", "--runs", "7", "--json"], known)).toMatchObject({ threads: [1, 64], hogs: [0], runs: 7, json: true });
  });

  it.each([[["fast"], "Cannot run fast: the benchmarks are pause, soak"], [["--runs", "0"], "Cannot read --runs 0: it takes whole numbers, at least 1"],
    [["--threads", "1,many"], "Cannot read --threads many: it takes whole numbers, at least 1"], [["--quick"], "Cannot read the command line"]])("refuses %j", (words, message) => {
    expect(() => readOptions(words, known)).toThrow(UsageError);
    expect(() => readOptions(words, known)).toThrow(message);
  });
});

describe("scenariosOf()", () => {
  it("has one, two and all threads busy, each once, with both depths of stack, on a quiet machine first", () => {
    const busy = scenariosOf({ threads: [1, 2, 8], depths: [0, 64], hogs: [0, 6] }).map((scenario) => [scenario.threads, scenario.busy, scenario.depth, scenario.hogs].join());
    expect(busy).toEqual([
      "1,1,0,0", "2,1,0,0", "2,2,0,0", "8,1,0,0", "8,2,0,0", "8,8,0,0", "1,1,64,0", "2,1,64,0", "2,2,64,0", "8,1,64,0", "8,2,64,0", "8,8,64,0",
      "1,1,0,6", "2,1,0,6", "2,2,0,6", "8,1,0,6", "8,2,0,6", "8,8,0,6", "1,1,64,6", "2,1,64,6", "2,2,64,6", "8,1,64,6", "8,2,64,6", "8,8,64,6",
    ]);
  });
});

describe("readRedisBenchmark()", () => {
  it("takes percentiles from the distribution, not from the cumulative table behind it", () => {
    const text = [
      "====== GET ======", "  1000 requests completed in 0.02 seconds", "", "Latency by percentile distribution:", "0.000% <= 0.071 milliseconds (cumulative count 2)",
      "50.000% <= 0.231 milliseconds (cumulative count 507)", "98.828% <= 0.300 milliseconds (cumulative count 989)", "99.219% <= 0.407 milliseconds (cumulative count 993)",
      "99.902% <= 0.511 milliseconds (cumulative count 999)", "100.000% <= 0.607 milliseconds (cumulative count 1000)", "", "Cumulative distribution of latencies:",
      "0.000% <= 0.103 milliseconds (cumulative count 0)", "100.000% <= 9.903 milliseconds (cumulative count 1000)", "", "Summary:", "",
    ].join("\n");
    expect(readRedisBenchmark(text)).toEqual({ p50: 231, p99: 407, p999: 511, maximum: 607, requests: 1000, errors: 0 });
  });

  it("fails when there is no distribution", () => {
    expect(() => readRedisBenchmark("Could not connect to Redis")).toThrow("Could not connect to Redis");
  });
});

describe("readWrk()", () => {
  it("reads the line of our own script", () => {
    expect(readWrk("Running 2s test\n  1 threads\nfigures 225 3464 9167 12493 242043 3\n")).toEqual({ p50: 225, p99: 3464, p999: 9167, maximum: 12493, requests: 242043, errors: 3 });
    expect(() => readWrk("unable to connect")).toThrow("unable to connect");
  });
});
