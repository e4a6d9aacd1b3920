// Values of the engine as JSON: addresses and every other 64-bit number as `0x…` strings, bytes as lower-case hex.
// Nothing else changes, so the types of the results are the documentation of the JSON.

import { formatAddress, type JsonValue } from "../../native/mod.ts";

/** Refuses what JSON cannot say (functions, symbols): a result that holds one is a fault of ours. */
export function toJsonValue(value: unknown): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint") return formatAddress(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (typeof value === "object") return objectToJson(value);
  throw new TypeError(`Cannot write as JSON: a ${typeof value}`);
}

function objectToJson(value: object): JsonValue {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.map(([key, member]) => [key, toJsonValue(member)]));
}
