// Bytes to a patch image. They may come from anywhere: nothing of an image is handed on before the file is sound,
// the manifest has its shape, and both agree with each other.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { readElf } from "../elf/mod.ts";
import type { ElfFile, ElfSection } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import { checkAgreement } from "./agreement.ts";
import { checkSeal } from "./checksum.ts";
import { imageFormat, manifestSectionName } from "./manifest.ts";
import type { PatchManifest } from "./manifest.ts";
import { badImage } from "./refusal.ts";
import { manifestSchema } from "./schema.ts";

/** A patch as read from its file. */
export interface PatchImage {
  readonly manifest: PatchManifest;
  readonly elf: ElfFile;
  /** SHA-256 of the file, lower-case hex. */
  readonly digest: string;
}

/** Refuses: bad-image, unsupported-image-version. */
export function decodeImage(bytes: Uint8Array): PatchImage {
  const elf = readImageFile(bytes);
  const json = parseManifest(manifestSection(elf));
  checkFormat(json);
  const manifest = checkShape(json);
  checkAgreement(manifest, elf);
  checkSeal(elf, bytes);
  return { manifest, elf, digest: createHash("sha256").update(bytes).digest("hex") };
}

function readImageFile(bytes: Uint8Array): ElfFile {
  if (bytes.length === 0) throw badImage("the file is empty");
  if (!hasElfSignature(bytes)) throw badImage(`it is ${describeForeignFile(bytes)}`);
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof SutureError) || error.kind !== "bad-elf") throw error;
    throw new SutureError("bad-image", error.message.replace("Cannot read ELF file", "Cannot read patch image"), error.data, { cause: error });
  }
}

const hasElfSignature = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

function describeForeignFile(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString("latin1");
  const isDiff = /^(?:diff |--- |Index: )/m.test(head);
  return isDiff ? "a source diff, not an ELF file; make an image of it with `suture build`" : "not an ELF file";
}

function manifestSection(elf: ElfFile): ElfSection {
  const [section, second] = elf.sections.filter((each) => each.name === manifestSectionName);
  if (section === undefined) throw badImage(`it is ${describeElf(elf)} without a manifest; images are made by \`suture build\``);
  if (second !== undefined) throw badImage(`it has two manifests, in sections ${section.index} and ${second.index}`);
  if (elf.type !== "relocatable") throw badImage(`it is ${describeElf(elf)}, and an image is a relocatable file`);
  if (elf.machine !== "x86-64") throw badImage("it is not for x86-64");
  return section;
}

function describeElf(elf: ElfFile): string {
  switch (elf.type) {
    case "relocatable": return "an ELF object";
    case "executable": return "an ELF program";
    case "shared": return "an ELF program or library";
    case "core": return "a core dump";
    case "other": return "an ELF file";
  }
}

function parseManifest(section: ElfSection): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(section.bytes));
  } catch (error) {
    throw new SutureError("bad-image", "Cannot read patch image: its manifest is not JSON", {}, { cause: error });
  }
}

function checkFormat(json: unknown): void {
  const format = typeof json === "object" && json !== null && "format" in json ? json.format : undefined;
  if (format === imageFormat) return;
  if (typeof format !== "number") throw badImage("its manifest does not say its version");
  throw new SutureError(
    "unsupported-image-version",
    `Cannot read patch image: it has version ${format}, this program reads version ${imageFormat}; build the patch again`,
    { found: format, supported: imageFormat },
  );
}

function checkShape(json: unknown): PatchManifest {
  const result = v.safeParse(manifestSchema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "manifest";
  throw badImage(`its manifest has a wrong value for ${path}: ${issue.message.replace(/\s+/g, " ").slice(0, 200)}`, { path });
}
