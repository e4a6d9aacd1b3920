// Two projects: "fast" is everything that makes its own small programs; "real" patches servers built from Debian's
// sources and runs after it, so that load and compilers do not disturb one another. Two workers: the tests make
// processes of their own, and a machine of two cores is what they have to pass on.

import { defineConfig } from "vitest/config";

const real = "test/real/**/*.test.ts";

export default defineConfig({
  test: {
    // Targets are children of the process that runs the test, and signals are for processes.
    pool: "forks",
    maxWorkers: 2,
    // A test that waits for a target on a busy machine waits longer than a test of a function.
    projects: [
      { extends: true, test: { name: "fast", include: ["test/**/*.test.ts"], exclude: [real], testTimeout: 30_000, hookTimeout: 60_000, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        // The first run downloads and compiles.
        test: { name: "real", include: [real], testTimeout: 400_000, hookTimeout: 900_000, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
