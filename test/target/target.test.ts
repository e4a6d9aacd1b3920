import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { address } from "../../native/address.ts";
import { findDynamicSymbol, moduleAt, nameAt, openTarget } from "../../native/target/mod.ts";
import type { Target } from "../../native/target/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, startTarget } from "../support/mod.ts";
import type { CompileOptions, Target as RunningTarget } from "../support/mod.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const forms: readonly (readonly [string, CompileOptions])[] = [
  ["PIE", { flags: ["-O1", "-fPIE"], link: ["-pie", "-Wl,--build-id"] }],
  ["non-PIE", { flags: ["-O1", "-fno-pie"], link: ["-no-pie", "-Wl,--build-id"] }],
  ["bound at the start", { flags: ["-O1", "-fPIE"], link: ["-pie", "-Wl,--build-id", "-Wl,-z,now"] }],
  ["in few segments", { flags: ["-O1", "-fPIE"], link: ["-pie", "-Wl,--build-id", "-Wl,-z,noseparate-code"] }],
];

interface Looked extends AsyncDisposable {
  readonly running: RunningTarget;
  readonly target: Target;
  readonly program: string;
  /** What the program says about itself. */
  readonly said: ReadonlyMap<string, bigint>;
}

async function look(options: CompileOptions, name = "looks-into-libraries.c"): Promise<Looked> {
  const { program } = await compileTarget(name, options);
  const running = await startTarget(program);
  const said = new Map(running.lines.flatMap((line) => {
    const [what, at] = line.split(" ");
    return what !== undefined && at?.startsWith("0x") ? [[what, BigInt(at)] as const] : [];
  }));
  return { running, target: await openTarget(tracer, running.pid), program, said, [Symbol.asyncDispose]: async () => void await running.stop() };
}

test.each(forms)("openTarget() finds program, libraries and vdso, and where they are loaded: %s", async (_, options) => {
  await using looked = await look(options);
  const { target, program, said } = looked;
  expect(target.program.path).toBe(program);
  expect(target.modules[0]).toBe(target.program);
  expect(target.modules.map(({ name }) => name)).toEqual([program.replace(/.*\//, ""), "libc.so.6", "ld-linux-x86-64.so.2"]);
  expect(target.vdso?.path).toBe("[vdso]");
  for (const module of target.modules) {
    const elf = await module.elf();
    expect([module.name, module.buildId]).toEqual([module.name, elf.buildId]);
    expect(module.isDeleted).toBe(false);
  }
  const main = (await target.program.elf()).symbols.find(({ name }) => name === "main");
  expect((main?.value ?? 0n) + target.program.bias).toBe(said.get("main"));
  expect(target.program.isFixed).toBe(options.link?.includes("-no-pie"));
});

test("openTarget() does not take a file that is mapped to be read for a module", async () => {
  await using looked = await look(forms[0]?.[1] ?? {});
  const { target, said } = looked;
  const mapped = address(said.get("mapped") ?? 0n);
  expect(target.mappings.some(({ start, path }) => start === mapped && path === target.program.path)).toBe(true);
  expect(moduleAt(target, mapped)).toBeUndefined();
});

test("openTarget() looks into a program whose file was deleted, and one whose file was replaced", async () => {
  const directory = mkdtempSync(join(tmpdir(), "suture-deleted-"));
  try {
    const { program } = await compileTarget("looks-into-libraries.c", forms[0]?.[1]);
    const copy = join(directory, "upgraded");
    copyFileSync(program, copy);
    await using running = await startTarget(copy);
    rmSync(copy);
    copyFileSync("/bin/true", copy);
    const target = await openTarget(tracer, running.pid);
    expect(target.program).toMatchObject({ path: copy, isDeleted: true });
    expect((await target.program.elf()).buildId).toBe(target.program.buildId);
    expect((await target.program.elf()).symbols.some(({ name }) => name === "secret")).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("openTarget() reads the files of a program once for all of its processes, and another file of the same name anew", async () => {
  const directory = mkdtempSync(join(tmpdir(), "suture-shared-"));
  try {
    const [one, other] = await Promise.all([forms[0], forms[2]].map((form) => compileTarget("looks-into-libraries.c", form?.[1])));
    const copy = join(directory, "program");
    copyFileSync(one?.program ?? "", copy);
    await using first = await startTarget(copy);
    await using second = await startTarget(copy);
    rmSync(copy);
    copyFileSync(other?.program ?? "", copy);
    await using third = await startTarget(copy);
    const targets = await Promise.all([first, second, third].map(({ pid }) => openTarget(tracer, pid)));
    const [a, b, c] = await Promise.all(targets.map(({ program }) => program.elf()));
    expect(b).toBe(a);
    expect(c).not.toBe(a);
    expect([a?.buildId, c?.buildId]).toEqual([targets[0]?.program.buildId, targets[2]?.program.buildId]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("openTarget() looks into a static program", async () => {
  await using looked = await look({ flags: ["-O1"], link: ["-static", "-Wl,--build-id"] }, "threads-asleep.c");
  expect(looked.target.modules.map(({ name }) => name)).toEqual([looked.program.replace(/.*\//, "")]);
  expect(looked.target.program.isFixed).toBe(true);
});

test("openTarget() refuses a process that is not there", async () => {
  await expect(openTarget(tracer, 4_190_000)).rejects.toMatchObject({ kind: "no-such-process" });
});

test.each(forms)("findDynamicSymbol() finds what the program itself finds: %s", async (_, options) => {
  await using looked = await look(options);
  const { target, said } = looked;
  for (const name of ["puts", "memcpy", "strlen", "stdout", "environ"]) {
    expect([name, (await findDynamicSymbol(target, name)).address]).toEqual([name, said.get(name)]);
  }
});

test("findDynamicSymbol() tells versions of one name apart", async () => {
  await using looked = await look(forms[0]?.[1] ?? {});
  const { target, said } = looked;
  const find = async (version?: string): Promise<bigint> => (await findDynamicSymbol(target, "realpath", version)).address;
  expect(await find("GLIBC_2.2.5")).toBe(said.get("realpath@GLIBC_2.2.5"));
  expect(await find("GLIBC_2.3")).toBe(said.get("realpath@GLIBC_2.3"));
  expect(await find()).toBe(said.get("realpath@GLIBC_2.3"));
  expect(await find("GLIBC_2.2.5")).not.toBe(await find());
});

test("findDynamicSymbol() finds a variable that the program holds a copy of in the program", async () => {
  await using looked = await look(forms[1]?.[1] ?? {});
  const found = await findDynamicSymbol(looked.target, "stdout");
  expect(found.module).toBe(looked.target.program);
  expect(found.address).toBe(looked.said.get("stdout"));
});

test.each([
  ["nowhere_to_be_found", undefined, /^Cannot find symbol "nowhere_to_be_found" in pid \d+: none of its modules defines it; is the library loaded that has it\?$/],
  ["puts", "GLIBC_9.9", /^Cannot find symbol "puts@GLIBC_9\.9"/],
  ["errno", "GLIBC_PRIVATE", /it is thread-local, in libc\.so\.6$/],
  ["gettimeofday", undefined, /it is an indirect function of libc\.so\.6, and no module has called it yet/],
  ["secret", undefined, /none of its modules defines it/],
])("findDynamicSymbol() refuses %s %s", async (name, version, message) => {
  await using looked = await look(forms[0]?.[1] ?? {});
  await expect(findDynamicSymbol(looked.target, name, version)).rejects.toMatchObject({ kind: "unresolved-symbol", message: expect.stringMatching(message) });
});

test("nameAt() names functions, and says as much as is known of other places", async () => {
  await using looked = await look(forms[0]?.[1] ?? {});
  const { target, said } = looked;
  expect(await nameAt(target, address((said.get("secret") ?? 0n) + 1n))).toBe("secret");
  expect(await nameAt(target, address(said.get("puts") ?? 0n))).toMatch(/puts$/);
  expect(await nameAt(target, address(target.program.span.start))).toMatch(/^looks-into-libraries\+0x0$/);
  expect(await nameAt(target, address(0x1234n))).toBe("0x1234");
});

test("nameAt() takes a return address behind the end of a function for one of that function", async () => {
  await using looked = await look(forms[0]?.[1] ?? {});
  const { target, said } = looked;
  const secret = (await target.program.elf()).symbols.find(({ name }) => name === "secret");
  const end = address((said.get("secret") ?? 0n) + BigInt(secret?.size ?? 0));
  expect(await nameAt(target, end)).not.toBe("secret");
  expect(await nameAt(target, end, { isReturnAddress: true })).toBe("secret");
});

test("openTarget() agrees with gdb about where libraries are", async () => {
  await using looked = await look(forms[0]?.[1] ?? {});
  const said = execFileSync("gdb", ["-batch", "-nx", "-p", `${looked.running.pid}`, "-ex", "info sharedlibrary"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  for (const { path, bias, elf } of looked.target.modules.slice(1)) {
    const text = (await elf()).sections.find(({ name }) => name === ".text");
    expect(said).toMatch(new RegExp(`0x0*${((text?.address ?? 0n) + bias).toString(16)} .*${path.replace(/.*\//, "").replaceAll(".", "\\.")}`));
  }
});
