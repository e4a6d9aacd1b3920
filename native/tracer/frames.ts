// Frames of PROTOCOL.md: two lengths, a JSON head, a body.

import type { JsonValue } from "../errors.ts";

const prefixLength = 8;

export interface Frame {
  readonly head: { readonly [key: string]: JsonValue };
  readonly body: Uint8Array;
}

/** The frame as chunks, so that a large body is not copied. */
export function encodeFrame(head: Frame["head"], body: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const text = JSON.stringify(head);
  const length = Buffer.byteLength(text);
  const beginning = Buffer.alloc(prefixLength + length);
  beginning.writeUInt32LE(length, 0);
  beginning.writeUInt32LE(body.reduce((sum, part) => sum + part.length, 0), 4);
  beginning.write(text, prefixLength);
  return [beginning, ...body];
}

/** Puts frames together from whatever pieces the pipe delivers. */
export class FrameReader {
  #pieces: Uint8Array[] = [];
  #length = 0;
  #lengths: { readonly head: number; readonly body: number } | undefined;

  /** Every frame that this piece completes. Throws SyntaxError when a head is no JSON. */
  *push(piece: Uint8Array): Generator<Frame> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    for (let frame = this.#next(); frame; frame = this.#next()) yield frame;
  }

  #next(): Frame | undefined {
    this.#lengths ??= this.#takeLengths();
    const lengths = this.#lengths;
    if (!lengths || this.#length < lengths.head + lengths.body) return undefined;
    this.#lengths = undefined;
    const bytes = this.#take(lengths.head + lengths.body);
    return {
      head: JSON.parse(bytes.toString("utf8", 0, lengths.head)) as Frame["head"],
      body: new Uint8Array(bytes.buffer, bytes.byteOffset + lengths.head, lengths.body),
    };
  }

  #takeLengths(): { head: number; body: number } | undefined {
    if (this.#length < prefixLength) return undefined;
    const prefix = this.#take(prefixLength);
    return { head: prefix.readUInt32LE(0), body: prefix.readUInt32LE(4) };
  }

  #take(length: number): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.#pieces = all.length > length ? [all.subarray(length)] : [];
    this.#length = all.length - length;
    return all.subarray(0, length);
  }
}
