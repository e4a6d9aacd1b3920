import { describe, expect, it } from "vitest";
import { sourceLines, sourceStanzas } from "./apt-lists.ts";

describe("sourceStanzas()", () => {
  it("asks the machine's own mirrors for sources of the release, with their keys", () => {
    const text = [
      "# the main archive", "Types: deb deb-src", "URIs: http://mirror.example/debian", "Suites: bookworm bookworm-updates bookworm-backports",
      "Components: main", "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg", "",
      "Types: deb", "URIs: http://mirror.example/security", "Suites: bookworm-security", "Components: main", "Architectures: amd64", "",
    ].join("\n");
    expect(sourceStanzas(text, "bookworm")).toEqual([
      [
        "Types: deb-src", "URIs: http://mirror.example/debian", "Suites: bookworm bookworm-updates", "Components: main",
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
      ].join("\n"),
      ["Types: deb-src", "URIs: http://mirror.example/security", "Suites: bookworm-security", "Components: main"].join("\n"),
    ]);
  });

  it("leaves out other people's repositories and those that are switched off", () => {
    expect(sourceStanzas("Types: deb\nURIs: https://deb.example/node\nSuites: nodistro\nComponents: main", "bookworm")).toEqual([]);
    expect(sourceStanzas("Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: main\nEnabled: no", "bookworm")).toEqual([]);
  });
});

describe("sourceLines()", () => {
  it("asks the machine's own mirrors for sources, with their options, once each", () => {
    const text = [
      "deb [signed-by=/k.gpg trusted=yes] http://m/debian bookworm main contrib # the archive", "deb-src [signed-by=/k.gpg trusted=yes] http://m/debian bookworm main contrib",
      "# deb http://m/debian bookworm-proposed main", "deb https://packages.example/apt cloud-sdk-bookworm main", "deb http://s/debian-security bookworm-security main",
    ].join("\n");
    expect(sourceLines(text, "bookworm")).toEqual([
      "deb-src [signed-by=/k.gpg trusted=yes] http://m/debian bookworm main contrib",
      "deb-src http://s/debian-security bookworm-security main",
    ]);
  });
});
