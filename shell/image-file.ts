// A patch image from its file. What is wrong with it is the engine's to say; here the message gets the file's name.

import { readFile } from "node:fs/promises";
import { decodeImage, explainUnreadable, SutureError, type PatchImage } from "../native/mod.ts";

export interface ImageFile {
  readonly bytes: Uint8Array;
  readonly image: PatchImage;
}

/** Refuses: file-not-found, bad-image, unsupported-image-version. */
export async function readImageFile(path: string): Promise<ImageFile> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SutureError("file-not-found", `Cannot read patch image ${path}: ${explainUnreadable(cause)}`, { path }, { cause });
  });
  try {
    return { bytes, image: decodeImage(bytes) };
  } catch (error) {
    if (!(error instanceof SutureError)) throw error;
    const message = error.message.replace("Cannot read patch image", `Cannot read patch image ${path}`);
    throw new SutureError(error.kind, message, { ...error.data, path }, { cause: error });
  }
}
