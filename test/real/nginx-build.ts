// nginx from Debian's own source: everything that the package applies up to the last patch that is no fix, and none of
// the fixes, with the modules that the fixes are in. Each fix then is a patch for the running master and its workers.

import { join } from "node:path";
import { buildDebianSource } from "../support/debian/build.ts";
import { fetchDebianSource, seriesUpTo } from "../support/debian/source.ts";
import type { PatchedProgram } from "./fix.ts";

/** The last of the package's patches that comes before its security fixes. */
export const nginxBase = "bug-973861.patch";

const modules = [
  "debug", "http_ssl_module", "http_v2_module", "http_dav_module", "http_mp4_module", "http_slice_module", "http_sub_module",
  "stream", "stream_ssl_module", "mail", "mail_ssl_module", "threads",
];


/** `fixes`: those built in, on top of the base. None: the server that the tests patch. */
export async function buildNginx(fixes: readonly string[] = []): Promise<PatchedProgram> {
  const source = await fetchDebianSource("nginx");
  const built = await buildDebianSource(source, {
    patches: [...seriesUpTo(source, nginxBase), ...fixes],
    prepare: [["./configure", "--with-cc-opt=-g -O2", ...modules.map((module) => `--with-${module}`)]],
    build: ["make", "-j2"],
  });
  return { ...built, source, server: join(built.tree, "objs/nginx") };
}
