import { describe, expect, it } from "vitest";
import { summarize } from "../../scripts/bench/statistics.ts";
import { formatTable } from "../../scripts/table.ts";

describe("summarize()", () => {
  it("gives figures that were measured", () => {
    const figures = Array.from({ length: 200 }, (_nothing, index) => 200 - index);
    expect(summarize(figures)).toEqual({ runs: 200, minimum: 1, median: 100, p99: 198, maximum: 200 });
  });

  it("says of no figures that it does not know", () => {
    expect(summarize([]).median).toBeNaN();
  });
});

describe("formatTable()", () => {
  it("sets names to the left and figures to the right", () => {
    expect(formatTable([["", "ms"], ["one", 1], ["another", 1000]])).toBe("           ms\none         1\nanother  1000");
  });
});
