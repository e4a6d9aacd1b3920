// Room in a patch for the records by which unwinders know its unwind table, one slot for each of them.

/** libgcc's `struct object` takes 48 to 56 bytes; behind it stands who has to be asked to forget it. */
export const slotSize = 128;
export const forgetterAt = 64;
/** A process with more unwinders has yet to be seen. */
export const mostUnwinders = 4;
export const frameObjectsSize = slotSize * mostUnwinders;
