// Option values as typed on a command line: process ids, durations, counts. Each parser refuses with what it found and
// what it would have taken; nothing is guessed and nothing is rounded to zero.

import { SutureError } from "../native/mod.ts";

/** Linux's own limit (PID_MAX_LIMIT). */
const largestPid = 4_194_304;

const microsecondsIn: Readonly<Record<string, number>> = { us: 1, µs: 1, ms: 1000, s: 1_000_000, m: 60_000_000 };

/** `4242`. */
export function parsePid(text: string): number {
  const pid = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (pid >= 1 && pid <= largestPid) return pid;
  throw new SutureError("usage", `Cannot read the process id: "${text}" is not a number from 1 to ${largestPid}`, { given: text });
}

/** `5s`, `200ms`, `1.5s`, `500us`, `2m` to whole microseconds. A number needs its unit. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(us|µs|ms|s|m)$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : microsecondsIn[unit];
  if (digits === undefined || factor === undefined) throw notADuration(text);
  const microseconds = Math.round(Number(digits) * factor);
  // Timers of Node hold 31 bits of milliseconds; a day is already more than anybody waits.
  if (microseconds > 86_400_000_000) throw notADuration(text);
  return microseconds;
}

/** A duration for the options of the engine that count milliseconds. */
export const parseMilliseconds = (text: string): number => parseDuration(text) / 1000;

function notADuration(text: string): SutureError {
  return new SutureError("usage", `Cannot read the duration: "${text}" is not one; write 5s, 200ms or 500us, at most a day`, { given: text });
}

/** A whole number from 1 upwards. */
export function parseCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new SutureError("usage", `Cannot read the number: "${text}" is not a whole number from 1 upwards`, { given: text });
}

/** Where frames are looked for. */
export function parseScan(text: string): "stacks" | "heap" {
  if (text === "stacks" || text === "heap") return text;
  throw new SutureError("usage", `Cannot read where to scan: "${text}" is neither stacks nor heap`, { given: text });
}

/** Directories to leave out of a path: none to nine, as nobody nests deeper. */
export function parseStrip(text: string): number {
  if (/^\d$/.test(text)) return Number(text);
  throw new SutureError("usage", `Cannot read the number of directories: "${text}" is not 0 to 9`, { given: text });
}

/** For options that may be given several times. */
export const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [...(previous ?? []), value];
