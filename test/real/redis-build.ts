// redis-server from Debian's own source: everything that the package applies up to the last patch that is no fix, and
// none of the fixes. Each fix then is a patch for the running server.

import { join } from "node:path";
import { buildDebianSource } from "../support/debian/build.ts";
import { fetchDebianSource, seriesUpTo } from "../support/debian/source.ts";
import type { PatchedProgram } from "./fix.ts";

/** The last of the package's patches that comes before its security fixes. */
export const redisBase = "0004-Add-support-for-USE_SYSTEM_JEMALLOC-flag.patch";

export interface RedisBuild extends PatchedProgram {
  readonly benchmark: string;
}

/** `fixes`: those built in, on top of the base. None: the server that the tests patch. */
export async function buildRedis(fixes: readonly string[] = []): Promise<RedisBuild> {
  const source = await fetchDebianSource("redis");
  const built = await buildDebianSource(source, {
    patches: [...seriesUpTo(source, redisBase), ...fixes],
    build: ["make", "-j2", "V=1", "BUILD_TLS=yes", "USE_SYSTEMD=no", "MALLOC=libc", "OPTIMIZATION=-O2", "CFLAGS=-g"],
  });
  return { ...built, source, server: join(built.tree, "src/redis-server"), benchmark: join(built.tree, "src/redis-benchmark") };
}
