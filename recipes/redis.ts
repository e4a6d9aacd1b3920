// A fix for a running redis, with a health check: builds the patch from the diff, applies it, asks the server what it
// answers now, and takes the patch back by itself when that is not what was wanted.
//
//   suture run recipes/redis.ts --pid 4242 --source redis-7.0.15 --target /usr/bin/redis-server \
//     --patch CVE-2025-67733.patch --probe 'FUNCTION LIST "X\r\n+INJECTED"' --wanted 'ERR Unknown argument X  +INJECTED'

import { connect } from "node:net";
import { defineRecipe } from "suture";

export default defineRecipe({
  name: "redis",
  description: "fix a running redis, probe it, and take the fix back when the probe fails",
  parameters: {
    pid: { type: "pid", description: "redis-server" },
    port: { type: "number", description: "where it listens", default: 6379 },
    host: { type: "text", description: "at which address", default: "127.0.0.1" },
    source: { type: "path", description: "the source tree that built it" },
    target: { type: "path", description: "its program file" },
    patch: { type: "path", description: "the diff" },
    compileCommands: { type: "path", description: "how it was compiled (empty: compile_commands.json in the source tree)", default: "" },
    probe: { type: "text", description: "a command as redis-cli takes it, whose answer the fix changes" },
    wanted: { type: "text", description: "what the answer holds once the fix is live" },
    timeout: { type: "number", description: "seconds to go on trying while threads stand in the functions", default: 5 },
  },
  async run({ parameters, suture, log, check, signal }) {
    const { pid, source, target, patch, compileCommands, probe, timeout } = parameters;
    const wanted = unescape(parameters.wanted);
    const ask = () => askRedis(parameters, splitCommand(probe));

    const before = await ask();
    log(`before: ${JSON.stringify(before)}`);
    await check("the server does not have the fix yet", () => !before.includes(wanted));

    const created = await suture.build([patch], { source, target, ...(compileCommands === "" ? {} : { compileCommands }) });
    const { name } = created.manifest;
    signal.throwIfAborted();
    const applied = await suture.apply(created, { pid, timeout: timeout * 1000, signal });
    log(`applied ${name}: working threads held ${applied.stop.workingMicroseconds} µs`);
    try {
      const after = await ask();
      log(`after: ${JSON.stringify(after)}`);
      await check("the server answers as wanted", () => after.includes(wanted));
      await check("every byte is as the ledger says", async () => (await suture.verify(pid)).verified);
      signal.throwIfAborted();
      return { patch: name, before, after, stop: { ...applied.stop } };
    } catch (error) {
      log(`taking ${name} back`);
      await suture.revert(name, { pid, timeout: timeout * 1000 });
      throw error;
    }
  },
});

/**
 * The raw bytes of a command's answer. An ECHO is sent behind it: everything before the echo is the answer, whatever it
 * holds, so that an answer with line ends smuggled into it is seen as it is.
 */
function askRedis({ host, port }: { readonly host: string; readonly port: number }, words: readonly string[]): Promise<string> {
  const mark = `probe-${process.pid}-${process.hrtime.bigint()}`;
  const end = `$${mark.length}\r\n${mark}\r\n`;
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ host, port, timeout: 5000 });
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(encodeCommand(words) + encodeCommand(["ECHO", mark]), "latin1"));
    socket.on("data", (text: string) => {
      received += text;
      if (!received.endsWith(end)) return;
      socket.destroy();
      resolve(received.slice(0, -end.length));
    });
    socket.on("timeout", () => socket.destroy(new Error(`No answer from ${host}:${port} within 5 s`)));
    socket.on("error", reject);
    socket.on("end", () => reject(new Error(`${host}:${port} closed the connection`)));
  });
}

/** Redis's request format: the number of words, then each with its length. One character is one byte. */
const encodeCommand = (words: readonly string[]): string =>
  [`*${words.length}`, ...words.flatMap((word) => [`$${word.length}`, word])].map((line) => `${line}\r\n`).join("");

/** Words as redis-cli reads them: blanks between, double quotes around, `\r`, `\n`, `\t` and `\xHH` inside. */
const splitCommand = (line: string): readonly string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => unescape(quoted ?? plain ?? ""));

const escapes: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t" };

const unescape = (text: string): string =>
  text.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, hex: string | undefined, letter = "") =>
    hex === undefined ? escapes[letter as string] ?? (letter as string) : String.fromCharCode(parseInt(hex, 16)));
