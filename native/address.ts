// Two address spaces, two types. An `Address` is a place in a process now; a `FileAddress` is a place as
// linked in an ELF file. A module's load bias is the only way from one to the other, so mixing them up does
// not compile.

declare const space: unique symbol;

/** An address in a running process. */
export type Address = bigint & { readonly [space]: "process" };
/** A virtual address as linked in an ELF file, before the load bias is added. */
export type FileAddress = bigint & { readonly [space]: "file" };

export const address = (value: bigint): Address => BigInt.asUintN(64, value) as Address;
export const fileAddress = (value: bigint): FileAddress => BigInt.asUintN(64, value) as FileAddress;

/** The place in the process of a module's `at`, for a module loaded with `bias`. */
export const rebase = (at: FileAddress, bias: bigint): Address => address(at + bias);

/** The inverse of {@link rebase}. */
export const unrebase = (at: Address, bias: bigint): FileAddress => fileAddress(at - bias);

/** `0x` and lower-case digits, as every message and every JSON value of the project writes addresses. */
export const formatAddress = (at: bigint): string => `0x${at.toString(16)}`;

/** A half-open range of process memory. */
export interface AddressRange {
  readonly start: Address;
  readonly end: Address;
}

/** A half-open range of a module as linked. */
export interface FileRange {
  readonly start: FileAddress;
  readonly end: FileAddress;
}
