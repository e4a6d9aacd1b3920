// The benchmarks, in the order in which they run.

import type { Benchmark } from "./benchmark.ts";
import { call } from "./call.ts";
import { latency } from "./latency.ts";
import { pause } from "./pause.ts";
import { soak } from "./soak.ts";

export const benchmarks: readonly Benchmark[] = [pause, latency, soak, call];
