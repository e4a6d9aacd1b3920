// What is known of the fixes in Debian's nginx. The diffs themselves come from the source package, unchanged.

import type { Fix } from "./fix.ts";
import { ask, bodyOf, headersOf, resumeElsewhere, statusOf, unchunk } from "./nginx-client.ts";
import type { NginxServer } from "./nginx-server.ts";

/** A header whose first byte the backend sends ahead. */
const splitHeader = {
  ask: async ({ port }: NginxServer) => headersOf(await ask(port, { path: "/scgi" })).find((line) => /^H?ttp-Thing: /.test(line)) ?? "no header",
  vulnerable: "no header",
};

export const nginxFixes: readonly Fix<NginxServer>[] = [
  {
    patch: "CVE-2025-23419.patch",
    functions: ["ngx_http_ssl_servername"],
    question: {
      ask: async ({ tlsPort, credentials }) => {
        const said = await resumeElsewhere(tlsPort, credentials);
        return said.includes("access denied") ? "access denied" : statusOf(said);
      },
      vulnerable: "200",
      fixed: "access denied",
    },
    effect: "a TLS session of one name resumed as another that accepts other client certificates: 200, then the alert \"access denied\"",
  },
  { patch: "CVE-2024-7347-1.patch", functions: ["ngx_http_mp4_crop_stsc_data"], effect: "a crafted mp4 file ends the worker" },
  { patch: "CVE-2024-7347-2.patch", functions: ["ngx_http_mp4_crop_stsc_data"], effect: "a crafted mp4 file ends the worker" },
  {
    patch: "CVE-2025-53859.patch",
    functions: ["ngx_mail_auth_plain", "ngx_mail_auth_login_username", "ngx_mail_auth_login_password", "ngx_mail_auth_cram_md5"],
    effect: "mail authentication with broken base64",
  },
  { patch: "CVE-2026-1642.patch", functions: ["ngx_http_upstream_process_header"], effect: "a race: a plain answer from a TLS backend" },
  { patch: "CVE-2026-27651.patch", functions: ["ngx_mail_auth_http_init"], effect: "CRAM-MD5 ends the worker" },
  {
    patch: "CVE-2026-27654.patch",
    question: {
      ask: async ({ port }) => statusOf(await ask(port, { method: "COPY", path: "/files/index.html", headers: ["Destination: /x"] })),
      fixed: "400",
    },
    effect: "COPY to a destination shorter than the alias: may end the worker, then 400",
  },
  {
    patch: "CVE-2026-27784.patch",
    refused: { kind: "nothing-to-patch", says: "changes no object code" },
    effect: "for 32-bit machines",
  },
  { patch: "CVE-2026-28753.patch", functions: ["ngx_mail_smtp_resolve_addr_handler"], effect: "the name of an SMTP client, from a DNS server" },
  { patch: "CVE-2026-28755.patch", functions: ["ngx_stream_ssl_handler"], effect: "stream modules with OCSP" },
  { patch: "CVE-2026-32647.patch", functions: ["ngx_http_mp4_handler"], effect: "a crafted mp4 file" },
  {
    patch: "CVE-2026-42945.patch",
    functions: ["ngx_http_script_regex_end_code"],
    question: {
      ask: async ({ port }) => bodyOf(await ask(port, { host: "rewritten.test", path: "/a%20b" })),
      vulnerable: "[/a%2]\n",
      fixed: "[/a b]\n",
    },
    effect: "an escaped capture cut short: `[/a%2]`, then `[/a b]`",
  },
  {
    patch: "CVE-2026-42946.1.patch",
    functions: ["ngx_http_scgi_process_status_line", "ngx_http_uwsgi_process_status_line"],
    question: { ...splitHeader, fixed: "ttp-Thing: one" },
    effect: "a header of an SCGI backend that comes in two pieces: lost, then passed on without the first piece",
  },
  {
    patch: "CVE-2026-42946.2.patch",
    on: ["CVE-2026-42946.1.patch"],
    functions: ["ngx_http_proxy_process_status_line", "ngx_http_scgi_process_status_line", "ngx_http_uwsgi_process_status_line"],
    question: { ...splitHeader, fixed: "Http-Thing: one" },
    effect: "a header of an SCGI backend that comes in two pieces: lost, then passed on whole",
  },
  {
    patch: "CVE-2026-40701.patch",
    refused: { kind: "not-patchable", says: "struct ngx_ssl_ocsp_ctx_s" },
    effect: "OCSP",
  },
  {
    patch: "CVE-2026-42934.patch",
    functions: ["ngx_http_charset_body_filter"],
    question: {
      ask: async ({ port }) => Buffer.from(unchunk(bodyOf(await ask(port, { path: "/euro" }))), "latin1").toString("hex"),
      vulnerable: "5bbe0a5d0a",
      fixed: "5bbe5d0a",
    },
    effect: "`[€]` in chunks of one byte, recoded: `5b be 0a 5d 0a`, then `5b be 5d 0a`",
  },
  { patch: "CVE-2026-9256.patch", functions: ["ngx_http_script_regex_start_code"], effect: "a write beyond a buffer, the same output" },
  {
    patch: "FIX-HTTP2bomb.patch",
    refused: { kind: "not-patchable", says: "ngx_http_header_count_module" },
    effect: "a limit on the number of headers, in a module of its own",
  },
  { patch: "CVE-2026-48142.patch", functions: ["ngx_http_charset_body_filter"], effect: "invalid UTF-8 split over buffers" },
  {
    patch: "CVE-2026-42055.patch",
    functions: ["ngx_http_grpc_create_request"],
    question: {
      ask: async ({ port }) => statusOf(await ask(port, { host: "grpc.test", path: `/${"a".repeat(2_200_000)}` })),
      vulnerable: "502",
      fixed: "500",
    },
    effect: "a URI of 2.2 MB to a gRPC backend: 502 from the backend, then 500 at once",
  },
  { patch: "CVE-2026-56434.patch", functions: ["ngx_http_finalize_request", "ngx_http_post_request"], effect: "server-side includes" },
  { patch: "CVE-2026-60005.patch", functions: ["ngx_http_regex_exec"], effect: "a capture without a value" },
  { patch: "CVE-2026-42533.patch", effect: "checks of bounds" },
];
