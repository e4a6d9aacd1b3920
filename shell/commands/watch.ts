// `suture watch`: an image into every process that runs a program, those that start later too, until it is told to stop. What it does
// is said as it happens: a line each, or with --json a document each on standard error, and the sum as the result.

import { watchPrograms, SutureError, type WatchEvent } from "../../native/mod.ts";
import { collect, parseMilliseconds } from "../options.ts";
import { readImageFile } from "../image-file.ts";
import { defineCommand } from "./command.ts";

interface WatchFlags {
  readonly exe?: readonly string[];
  readonly timeout?: number;
}

export const watch = defineCommand<[file: string], WatchFlags>({
  configure: (command) => command.argument("<image>", "a patch image made by build")
    .option("--exe <file>", "every process that runs this file, now or later; may be given several times", collect)
    .option("--timeout <duration>", "go on trying while threads stand in the functions, before others have their turn (default: 500ms)", parseMilliseconds),
  examples: ["watch fix.suture --exe /usr/sbin/nginx", "watch fix.suture --exe /usr/bin/redis-server --json"],
  exitCodes: [0, 2, 4, 5],
  async run({ session, say, warn, json, openProgress }, [file], { exe: programs = [], timeout = 500 }) {
    if (programs.length === 0) throw new SutureError("usage", `Cannot watch for ${file}: no program is named; add --exe FILE`);
    const { bytes, image: { digest, manifest: { name } } } = await readImageFile(file);
    const tracer = await session.tracer();
    const counts = { applied: 0, carried: 0, failed: 0 };
    const progress = openProgress("json");
    const onEvent = (event: WatchEvent): void => {
      counts[event.event]++;
      if (json) progress.report(documentOf(event), undefined);
      else if (event.event === "failed") warn(describe(event, name));
      else say(describe(event, name));
    };
    await session.whileCleaningUpItself(() => watchPrograms(tracer, bytes, { programs, timeout, signal: session.signal, onEvent }));
    return { result: { type: "watched", watched: { result: "watched", patch: { name, digest }, ...counts } } };
  },
});

function describe(event: WatchEvent, name: string): string {
  switch (event.event) {
    case "applied": return `Applied ${name}, pid ${event.pid}`;
    case "carried": return `pid ${event.pid} has ${name} already`;
    case "failed": return `${event.error.message}${event.triesAgain ? "; it is tried again" : ""}`;
  }
}

function documentOf(event: WatchEvent): object {
  switch (event.event) {
    case "applied": return { event: event.event, pid: event.pid, functions: event.transaction.processes.flatMap(({ functions }) => functions.map(({ name }) => name)) };
    case "carried": return event;
    case "failed": return { event: event.event, pid: event.pid, triesAgain: event.triesAgain, ...event.error.toJSON() };
  }
}
