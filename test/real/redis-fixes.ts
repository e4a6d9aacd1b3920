// What is known of the fixes in Debian's redis. The diffs themselves come from the source package, unchanged.

import { randomUUID } from "node:crypto";
import type { Fix } from "./fix.ts";
import { ask, encodeCommand, floodUnread, type Words } from "./redis-client.ts";
import type { RedisServer } from "./redis-server.ts";

/** The answer to the last of these commands. */
function askServer({ port, password }: RedisServer, ...commands: readonly Words[]): Promise<string> {
  return ask(port, ...(password === undefined ? [] : [["AUTH", password]]), ...commands);
}

const restore = (server: RedisServer, payload: string): Promise<string> => askServer(server, ["RESTORE", "victim", "0", payload, "REPLACE"]);

const corruptZipmap = "\x09\x11\x01\xfe\x04\x00\x00\x00\x01\x00\xff\x00\x04\x00val1\xff\x09\x00\xf9\xd5\xa4\xf7\x7d\x00\x3f\x1b";
/** A stream whose two consumers both claim the entry 1-0. */
const sharedEntry = Buffer.from(
  "0f01100000000000000001000000000000000025250000000a0001010001010185" + "6669656c640600010201000100018576616c7565060401ff01010001" +
  "076d7967726f757001000100000000000000010000000000000000" + "4a79898f9f010000010209636f6e73756d657241" + "4a79898f9f0100000100000000000000010000000000000000" +
  "09636f6e73756d657242" + "5479898f9f0100000100000000000000010000000000000000" + "0900f6ea7b6cb8b8d8b4", "hex").toString("latin1");
/** A sparse HyperLogLog that claims more registers than there are. */
const corruptHyperLogLog = `HYLL\x01\x00\x00\x00${"\x00".repeat(7)}\x80${"\x7f\xff".repeat(262145)}`;
const crowd = 60_000;
const badFormat = "-ERR Bad data format\r\n";

const selectors = "0001-Apply-security-fixes-for-CVEs-1113.patch";

export const redisFixes: readonly Fix<RedisServer>[] = [
  {
    patch: selectors,
    functions: ["bit_tohex", "ACLSetSelector", "stringmatchlen"],
    question: {
      ask: async (server) => {
        const found = await askServer(server, ["SET", "a".repeat(3000), "1"], ["KEYS", "*a".repeat(1500)]);
        const rule = await askServer(server, ["ACL", "SETUSER", "somebody", "%~"]);
        return `${found.startsWith("*1\r\n") ? "matched" : "no match"}; ${rule}`;
      },
      vulnerable: "matched; +OK\r\n",
      fixed: "no match; -ERR Error in ACL SETUSER modifier '%~': Syntax error\r\n",
    },
    effect: "`KEYS` with 1,500 stars: the key, then nothing; `ACL SETUSER u %~`: OK, then an error",
  },
  {
    patch: "0001-Fix-LUA-garbage-collector-CVE-2024-46981-1513.patch",
    functions: ["scriptingRelease"],
    effect: "memory at SCRIPT FLUSH",
  },
  {
    patch: "0002-Fix-Read-Write-key-pattern-selector-CVE-2024-51741-1.patch",
    on: [selectors],
    functions: ["ACLSetSelector"],
    question: {
      ask: (server) => askServer(server, ["ACL", "SETUSER", "somebody", "%"]),
      vulnerable: "+OK\r\n",
      fixed: "-ERR Error in ACL SETUSER modifier '%': Syntax error\r\n",
    },
    effect: "`ACL SETUSER u %`: OK, then an error",
  },
  {
    patch: "0001-Limiting-output-buffer-for-unauthenticated-client-CV.patch",
    functions: ["checkClientOutputBufferLimits"],
    question: {
      ask: async ({ port }) => {
        const { received, closed } = await floodUnread(port, encodeCommand(["PING"]).repeat(crowd), { pause: 1000 });
        return received.split("-NOAUTH Authentication required.\r\n").length - 1 === crowd ? "all answered" : closed ? "hung up" : "some answered";
      },
      vulnerable: "all answered",
      fixed: "hung up",
    },
    effect: "60,000 answers unread by a client without a password: all kept, then hung up on",
  },
  { patch: "0005-CVE-2025-27151.patch", functions: ["redis_check_aof_main"], effect: "runs only in a program started as redis-check-aof" },
  {
    patch: "0006-CVE-2025-32023.patch",
    functions: ["hllMerge", "hllSparseRegHisto", "hllSparseToDense"],
    question: {
      ask: async (server) => (await askServer(server, ["SET", "loglog", corruptHyperLogLog], ["PFCOUNT", "loglog"])).replace(/^:\d+/, ":number"),
      vulnerable: ":number\r\n",
      fixed: "-INVALIDOBJ Corrupted HLL object detected\r\n",
    },
    effect: "`PFCOUNT` of a corrupt HyperLogLog: a number, then -INVALIDOBJ",
  },
  {
    patch: "0007-CVE-2025-48367.patch",
    functions: ["acceptTLSHandler", "acceptTcpHandler", "acceptUnixHandler"],
    effect: "what the server does when accept() fails",
  },
  {
    patch: "CVE-2025-46817.patch",
    functions: ["luaB_unpack"],
    question: {
      ask: async (server) => /too many results to unpack/.exec(await askServer(server, ["EVAL", "return {unpack({1,2,3}, -2, 2147483647)}", "0"]))?.[0] ?? "something else",
      fixed: "too many results to unpack",
    },
    effect: "`unpack` of a negative range: ends the server, then an error",
  },
  {
    patch: "CVE-2025-46818.patch",
    refused: { kind: "not-patchable", says: "struct redisServer" },
    effect: "a new setting, in a structure whose one instance lives on",
  },
  { patch: "CVE-2025-49844.patch", functions: ["luaY_parser"], effect: "garbage collection while a script is parsed" },
  { patch: "CVE-2025-46819.patch", functions: ["llex", "read_long_string"], effect: "a script of more than 1 GB" },
  {
    patch: "CVE-2025-67733.patch",
    functions: ["functionListCommand", "RM_ReplyWithSimpleString", "addReplyStatusFormat", "luaCallFunction"],
    question: {
      ask: async (server) => {
        const listed = await askServer(server, ["FUNCTION", "LIST", "X\r\n+INJECTED"]);
        const script = await askServer(server, ["EVAL", 'error(redis.error_reply("X\\r\\n+INJECTED"))', "0"]);
        return `${listed}${script.split(" script:")[0]}`;
      },
      vulnerable: "-ERR Unknown argument X\r\n+INJECTED\r\n-ERR X\r\n+INJECTED",
      fixed: "-ERR Unknown argument X  +INJECTED\r\n-ERR X  +INJECTED",
    },
    effect: "an answer inside of an error: line ends kept, then blanks",
  },
  { patch: "CVE-2026-21863.patch", functions: ["clusterProcessPacket"], effect: "packets on the cluster bus" },
  { patch: "CVE-2026-23631.patch", functions: ["readSyncBulkPayload"], effect: "a replica's full synchronisation during a script that runs out of time" },
  {
    patch: "CVE-2026-25243.patch",
    functions: ["rdbLoadObject", "zipmapValidateIntegrity"],
    question: { ask: (server) => restore(server, corruptZipmap), vulnerable: "+OK\r\n", fixed: badFormat },
    effect: "`RESTORE` of a corrupt zipmap: OK, then an error",
  },
  {
    patch: "CVE-2026-66373.patch",
    functions: ["rdbLoadObject"],
    question: {
      // A key of its own each time: what would be freed twice is not to be freed at all.
      ask: (server) => askServer(server, ["RESTORE", randomUUID(), "0", sharedEntry]),
      vulnerable: "+OK\r\n",
      fixed: badFormat,
    },
    effect: "`RESTORE` of a stream whose consumers share an entry: OK, then an error",
  },
  { patch: "CVE-2026-81934.patch", functions: ["tlsProcessPendingData"], effect: "CLIENT KILL of a TLS client" },
  { patch: "CVE-2026-92925.patch", functions: ["clusterProcessPacket"], effect: "packets on the cluster bus" },
];
