// A process as it stands when it is looked at: what it is, what is mapped, which modules it has. Reads only. It is
// a picture, not a view: whoever needs the truth after something changed opens it again.

import type { Address } from "../address.ts";
import { SutureError } from "../errors.ts";
import type { ProcessDescription, TracerClient } from "../tracer.ts";
import { readLinkMap } from "./link-map.ts";
import { isMemoryFile, parseMaps } from "./maps.ts";
import type { Mapping } from "./maps.ts";
import { findModules } from "./modules.ts";
import type { Module } from "./modules.ts";

export interface Target {
  readonly tracer: TracerClient;
  readonly pid: number;
  readonly process: ProcessDescription;
  readonly mappings: readonly Mapping[];
  /**
   * The program first, then libraries in the dynamic linker's load order. Those that it does not list (loaded by
   * dlmopen, or in a program without a dynamic linker) follow by address.
   */
  readonly modules: readonly Module[];
  readonly program: Module;
  readonly vdso?: Module;
  /** Modules in memory files, patches among them: they take no part in the lookup of symbols. */
  readonly memoryModules: readonly Module[];
  readonly read: (at: Address, length: number) => Promise<Uint8Array>;
}

/** Refuses: no-such-process, process-gone, not-permitted, already-traced, unsupported-architecture. */
export async function openTarget(tracer: TracerClient, pid: number): Promise<Target> {
  const process = await tracer.describeProcess(pid);
  const mappings = parseMaps(await tracer.readMaps(pid));
  const all = await findModules(tracer, pid, mappings);
  const vdso = all.find(({ path }) => path === "[vdso]");
  const memoryModules = all.filter(isInMemoryFile);
  const loaded = all.filter((module) => module !== vdso && !memoryModules.includes(module));
  const program = findProgram(process, loaded);
  const modules = inLoadOrder(loaded, program, await readLinkMap(tracer, pid, program));
  return {
    tracer, pid, process, mappings, modules, program, memoryModules, ...(vdso === undefined ? {} : { vdso }),
    read: (at, length) => tracer.readMemory(pid, at, length),
  };
}

const isInMemoryFile = ({ mappings: [first] }: Module): boolean => first !== undefined && isMemoryFile(first);

function findProgram({ pid, program }: ProcessDescription, modules: readonly Module[]): Module {
  const found = modules.find(({ mappings: [first] }) => first?.path === program) ?? modules.find(({ hasInterpreter }) => hasInterpreter) ?? modules[0];
  if (found === undefined) throw new SutureError("unreadable-memory", `Cannot look at pid ${pid}: none of its mappings is an ELF module`, { pid });
  return found;
}

function inLoadOrder(modules: readonly Module[], program: Module, dynamics: readonly Address[]): readonly Module[] {
  const listed = dynamics.flatMap((dynamic) => modules.filter((module) => module.dynamic?.start === dynamic));
  return [...new Set([program, ...listed, ...modules])];
}

/** The module whose segments hold `at`: of the program, a library, the vdso or a patch. */
export function moduleAt(target: Target, at: Address): Module | undefined {
  const all = [...target.modules, ...target.memoryModules, ...(target.vdso === undefined ? [] : [target.vdso])];
  return all.find((module) => module.mappings.some(({ start, end }) => start <= at && at < end));
}
