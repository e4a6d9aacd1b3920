// Diffs and sources of old programs are not always UTF-8, yet every byte of a context line counts. Text that is not
// valid UTF-8 is kept as it is: each stray byte becomes a lone surrogate, and turns back into that byte.

import { readFileSync } from "node:fs";

const strayBase = 0xdc00;

/** Decodes UTF-8; bytes that are no UTF-8 survive a round trip through {@link encodeText}. */
export function decodeText(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    return splitLines(bytes).map((line) => decodeLine(line, decoder)).join("");
  }
}

/** The inverse of {@link decodeText}. */
export function encodeText(text: string): Uint8Array {
  return Buffer.concat(text.split(/([\udc80-\udcff])/u).map((part, index) =>
    index % 2 === 1 ? Buffer.of(part.charCodeAt(0) - strayBase) : Buffer.from(part)));
}

function decodeLine(line: Uint8Array, decoder: InstanceType<typeof TextDecoder>): string {
  try {
    return decoder.decode(line);
  } catch {
    return Array.from(line, (byte) => String.fromCharCode(byte < 0x80 ? byte : strayBase + byte)).join("");
  }
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end + 1));
    start = end + 1;
  }
  lines.push(bytes.subarray(start));
  return lines;
}

/** A file's bytes, each as one character; nothing of one that cannot be read. */
export function readIfPossible(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
