// Fixes of Debian's redis whose effect a client can see, each with the question to ask and both answers. The diffs
// themselves come from the source package, unchanged.

import { ask, encodeCommand, floodUnread } from "./redis-client.ts";

export interface RedisFix {
  /** File in debian/patches. */
  readonly patch: string;
  /** Functions that the running server gets new; others may come along where the compiler inlined. */
  readonly functions: readonly string[];
  /** That the server is to demand of its clients. */
  readonly password?: string;
  readonly probe: (port: number) => Promise<string>;
  readonly vulnerable: string;
  readonly fixed: string;
}

const corruptZipmap = "\x09\x11\x01\xfe\x04\x00\x00\x00\x01\x00\xff\x00\x04\x00val1\xff\x09\x00\xf9\xd5\xa4\xf7\x7d\x00\x3f\x1b";
/** A sparse HyperLogLog that claims more registers than there are. */
const corruptHyperLogLog = `HYLL\x01\x00\x00\x00${"\x00".repeat(7)}\x80${"\x7f\xff".repeat(262145)}`;
const crowd = 60_000;

export const redisFixes: readonly RedisFix[] = [
  {
    patch: "CVE-2026-25243.patch",
    functions: ["rdbLoadObject", "zipmapValidateIntegrity"],
    probe: (port) => ask(port, ["RESTORE", "victim", "0", corruptZipmap, "REPLACE"]),
    vulnerable: "+OK\r\n",
    fixed: "-ERR Bad data format\r\n",
  },
  {
    patch: "0006-CVE-2025-32023.patch",
    functions: ["hllMerge", "hllSparseRegHisto", "hllSparseToDense"],
    probe: async (port) => (await ask(port, ["SET", "loglog", corruptHyperLogLog], ["PFCOUNT", "loglog"])).replace(/^:\d+/, ":number"),
    vulnerable: ":number\r\n",
    fixed: "-INVALIDOBJ Corrupted HLL object detected\r\n",
  },
  {
    patch: "0001-Limiting-output-buffer-for-unauthenticated-client-CV.patch",
    functions: ["checkClientOutputBufferLimits"],
    password: "secret",
    probe: async (port) => {
      const { received, closed } = await floodUnread(port, encodeCommand(["PING"]).repeat(crowd), { pause: 1000 });
      return received.split("-NOAUTH Authentication required.\r\n").length - 1 === crowd ? "all answered" : closed ? "hung up" : "some answered";
    },
    vulnerable: "all answered",
    fixed: "hung up",
  },
  {
    patch: "0001-Apply-security-fixes-for-CVEs-1113.patch",
    functions: ["bit_tohex", "ACLSetSelector", "stringmatchlen"],
    probe: async (port) => {
      const found = await ask(port, ["SET", "a".repeat(3000), "1"], ["KEYS", "*a".repeat(1500)]);
      const rule = await ask(port, ["ACL", "SETUSER", "somebody", "%~"]);
      return `${found.startsWith("*1\r\n") ? "matched" : "no match"}; ${rule}`;
    },
    vulnerable: "matched; +OK\r\n",
    fixed: "no match; -ERR Error in ACL SETUSER modifier '%~': Syntax error\r\n",
  },
  {
    patch: "CVE-2025-67733.patch",
    functions: ["functionListCommand", "RM_ReplyWithSimpleString", "addReplyStatusFormat", "luaCallFunction"],
    probe: async (port) => {
      const listed = await ask(port, ["FUNCTION", "LIST", "X\r\n+INJECTED"]);
      const script = await ask(port, ["EVAL", 'error(redis.error_reply("X\\r\\n+INJECTED"))', "0"]);
      return `${listed}${script.split(" script:")[0]}`;
    },
    vulnerable: "-ERR Unknown argument X\r\n+INJECTED\r\n-ERR X\r\n+INJECTED",
    fixed: "-ERR Unknown argument X  +INJECTED\r\n-ERR X  +INJECTED",
  },
];

/** A fix that grows a structure whose instances live on: refused, with the structure's name. */
export const refusedRedisFix = { patch: "CVE-2025-46818.patch", structure: "redisServer" } as const;
