// The dynamic linker's own list of modules, in load order: the order in which it looks symbols up. Read from r_debug, which
// the program's dynamic section points to. Best effort: a static program has none, and the list may change under our hands.

import { address } from "../address.ts";
import type { Address } from "../address.ts";
import { readU64 } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import type { Module } from "./modules.ts";

const debugTag = 21n; // DT_DEBUG
const mostModules = 4096;
const longestDynamic = 1 << 16;

/** Addresses of the modules' dynamic sections in load order; empty where there is no list to be read. */
export async function readLinkMap(tracer: TracerClient, pid: number, program: Module): Promise<readonly Address[]> {
  try {
    const debug = await findDebug(tracer, pid, program);
    return debug === undefined ? [] : await walk(tracer, pid, debug);
  } catch (error) {
    if (error instanceof SutureError && error.kind === "unreadable-memory") return [];
    throw error;
  }
}

/** Has the dynamic linker done its work: libraries loaded, tables filled? It is the first to run, and for a moment nothing else has. */
export async function isLinked({ tracer, pid, program }: { readonly tracer: TracerClient; readonly pid: number; readonly program: Module }): Promise<boolean> {
  if (!program.hasInterpreter) return true;
  const debug = await findDebug(tracer, pid, program);
  const [state] = debug === undefined ? [] : await tracer.readMemory(pid, address(debug + 24n), 4); // r_debug.r_state
  return state === 0; // RT_CONSISTENT; a debug section that nobody has filled yet is not found
}

async function findDebug(tracer: TracerClient, pid: number, { dynamic }: Module): Promise<Address | undefined> {
  if (dynamic === undefined) return undefined;
  const length = Math.min(Number(dynamic.end - dynamic.start), longestDynamic) & ~15;
  const entries = await tracer.readMemory(pid, dynamic.start, length);
  for (let at = 0; at < entries.length; at += 16) {
    if (readU64(entries, at) === debugTag) return nonZero(readU64(entries, at + 8));
  }
  return undefined;
}

async function walk(tracer: TracerClient, pid: number, debug: Address): Promise<readonly Address[]> {
  const dynamics: Address[] = [];
  const seen = new Set<bigint>();
  let next = nonZero(readU64(await tracer.readMemory(pid, address(debug + 8n), 8), 0)); // r_debug.r_map
  while (next !== undefined && !seen.has(next) && seen.size < mostModules) {
    seen.add(next);
    const entry = await tracer.readMemory(pid, next, 40); // l_addr, l_name, l_ld, l_next, l_prev
    dynamics.push(address(readU64(entry, 16)));
    next = nonZero(readU64(entry, 24));
  }
  return dynamics;
}

const nonZero = (value: bigint): Address | undefined => (value === 0n ? undefined : address(value));
