// A tool to be killed: applies the image that it is given to a process where it cannot succeed, and says so.

import { readFile } from "node:fs/promises";
import { applyPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";

const [image = "", pid = ""] = process.argv.slice(2);
const tracer = await Tracer.start();
await applyPatch(tracer, new Uint8Array(await readFile(image)), Number(pid), {
  timeout: 60_000,
  onProgress: (step) => { if (step.step === "blocked") console.log("blocked"); },
});
