// The memory of a process behind its back, as another tool would read and write it.

import { open } from "node:fs/promises";

export async function peek(pid: number, at: bigint, length: number): Promise<Uint8Array> {
  await using memory = await openMemory(pid, "r");
  const buffer = Buffer.alloc(length);
  await memory.file.read({ buffer, length, position: Number(at) });
  return new Uint8Array(buffer);
}

export async function poke(pid: number, at: bigint, bytes: Uint8Array): Promise<void> {
  await using memory = await openMemory(pid, "r+");
  await memory.file.write(bytes, 0, bytes.length, Number(at));
}

/** Changes one byte, and changes it back with the scope. */
export async function flipped(pid: number, at: bigint): Promise<AsyncDisposable> {
  const before = await peek(pid, at, 1);
  await poke(pid, at, Uint8Array.of((before[0] ?? 0) ^ 0xff));
  return { [Symbol.asyncDispose]: () => poke(pid, at, before) };
}

async function openMemory(pid: number, flags: string) {
  const file = await open(`/proc/${pid}/mem`, flags);
  return { file, [Symbol.asyncDispose]: () => file.close() };
}
