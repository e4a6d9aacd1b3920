// The image's own checksum: SHA-256 of the file as it would be with zeros in the checksum's place. It finds what storage
// and transport do to a file; a changed bit in code would otherwise run. It proves nothing about who made the image.

import { createHash } from "node:crypto";
import { readElf } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { badImage } from "./refusal.ts";

export const checksumSectionName = ".suture.checksum";
export const checksumSize = 32;

/** Fills in the checksum of an image just written; `file` is changed. */
export function seal(file: Uint8Array): Uint8Array {
  const place = placeOfChecksum(readElf(file), file);
  place.set(checksumOf(file, place));
  return file;
}

/** Refuses a file that is not, to the bit, what was written. */
export function checkSeal(elf: ElfFile, file: Uint8Array): void {
  const place = placeOfChecksum(elf, file);
  if (Buffer.compare(place, checksumOf(file, place)) !== 0) throw badImage("it is damaged: its checksum is that of other contents; copy or build it again");
}

function placeOfChecksum(elf: ElfFile, file: Uint8Array): Uint8Array {
  const [section, second] = elf.sections.filter(({ name }) => name === checksumSectionName);
  if (section === undefined || second !== undefined || section.bytes.length !== checksumSize) throw badImage("it has no checksum; build it again");
  return file.subarray(section.bytes.byteOffset - file.byteOffset, section.bytes.byteOffset - file.byteOffset + checksumSize);
}

function checksumOf(file: Uint8Array, place: Uint8Array): Uint8Array {
  const before = file.subarray(0, place.byteOffset - file.byteOffset);
  const after = file.subarray(before.length + checksumSize);
  return createHash("sha256").update(before).update(new Uint8Array(checksumSize)).update(after).digest();
}
