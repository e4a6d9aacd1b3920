// The version of the package, read where it stands: one file states it.

import packageFile from "../package.json" with { type: "json" };

export const version: string = packageFile.version;
