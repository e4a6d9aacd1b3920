// Small C inputs for the tests of ELF files, and what binutils say about the results.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary directory that goes with its test. */
export class Workshop implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "suture-elf-"));

  /** Compiles `source` with gcc and these flags; gives the path of the result. */
  compile(source: string, flags: readonly string[], name = "sample", language = "c"): string {
    const input = this.write(`${name}.${language}`, source);
    const output = join(this.directory, flags.includes("-c") ? `${name}.o` : name);
    execFileSync(language === "c" ? "gcc" : "g++", [...flags, "-o", output, input], { cwd: this.directory, stdio: "pipe" });
    return output;
  }

  write(name: string, contents: string | Uint8Array): string {
    const path = join(this.directory, name);
    writeFileSync(path, contents);
    return path;
  }

  run(command: string, ...parameters: readonly string[]): string {
    return execFileSync(command, parameters, { cwd: this.directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
  }

  /** `readelf -aW` with its warnings, which go to the error output. */
  readelfWarnings(path: string): readonly string[] {
    const text = execFileSync("sh", ["-c", 'readelf -aW "$1" 2>&1', "sh", path], { encoding: "utf8", maxBuffer: 1 << 28 });
    return text.split("\n").filter((line) => /warning|error/i.test(line));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const readBytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** Numbers that are the same in every run. */
export function* seededNumbers(seed: number): Generator<number, never> {
  for (let state = seed >>> 0;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 8;
  }
}

/** `count` damaged copies of `bytes`: flipped bytes, overwritten words, cut ends, moved blocks. */
export function* mutations(bytes: Uint8Array, count: number, seed: number): Generator<Uint8Array> {
  const numbers = seededNumbers(seed);
  const next = (limit: number): number => numbers.next().value % limit;
  const hostile = [0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, bytes.length, bytes.length - 1];
  for (let turn = 0; turn < count; turn++) {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    for (let changes = 1 + next(4); changes > 0; changes--) {
      // Half of the damage goes to the header and the tables at the end, where it tells most.
      const at = next(2) === 0 ? next(copy.length) : next(2) === 0 ? next(64) : copy.length - 1 - next(Math.min(copy.length, 2048));
      const value = hostile[next(hostile.length)] ?? 0;
      if (next(2) === 0) copy[at] = next(256);
      else if (at + 8 <= copy.length) view.setBigUint64(at, next(2) === 0 ? BigInt(value) : 0xffffffffffffffffn - BigInt(value), true);
    }
    yield next(8) === 0 ? copy.subarray(0, next(copy.length)) : copy;
  }
}
