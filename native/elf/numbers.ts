// Little-endian numbers in byte arrays. Reading outside of the array throws RangeError, as DataView does: callers
// check their ranges first and report a place outside of the file in their own words.

// Whole tables are read number by number; a view for each of them would be most of the work.
let viewed: Uint8Array = new Uint8Array();
let view: DataView = new DataView(viewed.buffer);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view;
}

export const readU8 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getUint8(at);
export const readU16 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getUint16(at, true);
export const readU32 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getUint32(at, true);
export const readI8 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getInt8(at);
export const readI32 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getInt32(at, true);
export const readU64 = (bytes: Uint8Array, at: number): bigint => viewOf(bytes).getBigUint64(at, true);
export const readI64 = (bytes: Uint8Array, at: number): bigint => viewOf(bytes).getBigInt64(at, true);

export const writeU8 = (bytes: Uint8Array, at: number, value: number): void => viewOf(bytes).setUint8(at, value);
export const writeU16 = (bytes: Uint8Array, at: number, value: number): void => viewOf(bytes).setUint16(at, value, true);
export const writeU32 = (bytes: Uint8Array, at: number, value: number): void => viewOf(bytes).setUint32(at, value, true);
export const writeI32 = (bytes: Uint8Array, at: number, value: number): void => viewOf(bytes).setInt32(at, value, true);
export const writeU64 = (bytes: Uint8Array, at: number, value: bigint): void => viewOf(bytes).setBigUint64(at, value, true);
export const writeI64 = (bytes: Uint8Array, at: number, value: bigint): void => viewOf(bytes).setBigInt64(at, value, true);

/** `value` or the next multiple of `alignment` above it; alignments 0 and 1 mean none. */
export const alignUp = (value: number, alignment: number): number =>
  alignment <= 1 ? value : Math.ceil(value / alignment) * alignment;
