// Who may import whom: the picture of ARCHITECTURE.md as data. A file belongs to exactly one area; an area may import
// itself and what is listed for it. What is not listed is not allowed, so that a new room needs a line here.

import { posix } from "node:path";
import type { Import } from "./imports.ts";

type Area =
  | "native/address.ts" | "native/errors.ts" | "native/tracer.ts" | "native/tracer" | "native/elf" | "native/image" | "native/create"
  | "native/target" | "native/patchability" | "native/patch" | "native/mod.ts" | "recipes" | "shell" | "shell/formats" | "shell/commands"
  | "shell/program.ts" | "shell/ui" | "shell/main.ts" | "shell/start.ts" | "shell/compiled-program.ts" | "lsp";

const leaves = ["native/address.ts", "native/errors.ts", "native/tracer.ts"] as const;

const mayImport: Readonly<Record<Area, readonly Area[]>> = {
  "native/address.ts": [],
  "native/errors.ts": ["native/address.ts"],
  "native/tracer": ["native/address.ts", "native/errors.ts"],
  "native/tracer.ts": ["native/address.ts", "native/errors.ts", "native/tracer"],
  "native/elf": leaves,
  "native/image": [...leaves, "native/elf"],
  "native/target": [...leaves, "native/elf"],
  "native/patchability": [...leaves, "native/elf", "native/target"],
  "native/create": [...leaves, "native/elf", "native/image", "native/patchability"],
  "native/patch": [...leaves, "native/elf", "native/image", "native/target"],
  "native/mod.ts": [
    ...leaves, "native/elf", "native/image", "native/target", "native/patchability", "native/create", "native/patch",
  ],
  recipes: ["native/mod.ts"],
  shell: ["native/mod.ts", "recipes"],
  "shell/formats": ["native/mod.ts", "recipes", "shell"],
  "shell/commands": ["native/mod.ts", "recipes", "shell"],
  "shell/program.ts": ["native/mod.ts", "recipes", "shell", "shell/commands", "shell/formats"],
  "shell/ui": ["native/mod.ts", "recipes", "shell", "shell/commands", "shell/formats", "shell/program.ts"],
  "shell/main.ts": [
    "native/mod.ts", "recipes", "shell", "shell/commands", "shell/formats", "shell/program.ts", "shell/ui",
  ],
  "shell/start.ts": ["shell/compiled-program.ts"],
  "shell/compiled-program.ts": [],
  lsp: ["native/mod.ts", "recipes"],
};

/** Directories that others enter by one file. The folders of shell/ are one room. */
const rooms = ["native/elf", "native/image", "native/create", "native/target", "native/patchability", "native/patch", "recipes", "lsp"] as const;

/** Bytes in, bytes out. */
const pureAreas: readonly Area[] = ["native/elf", "native/image"];
const pureModules: readonly string[] = ["node:crypto", "node:zlib"];

/** Directories whose files may import anything, and which nothing else may import. */
const freeDirectories = ["scripts", "test"] as const;

/** The most precise area that holds the file. */
function areaOf(file: string): Area | undefined {
  const areas = (Object.keys(mayImport) as Area[]).filter((area) => file === area || file.startsWith(`${area}/`));
  return areas.sort((a, b) => b.length - a.length)[0];
}

const isFree = (file: string): boolean => freeDirectories.some((directory) => file.startsWith(`${directory}/`));

/** The rule that an import breaks, in words; undefined when it breaks none. */
export function brokenRule(found: Import): string | undefined {
  if (isFree(found.file)) return undefined;
  const from = areaOf(found.file);
  if (from === undefined) return "the importing file lies in no room; give its room a line in scripts/layers/rules.ts";
  if (found.target === undefined) return impurity(from, found.spelled);
  // Data beside the rooms, such as package.json.
  if (!/\.tsx?$/.test(found.target)) return undefined;
  if (isFree(found.target)) return "the program does not import its scripts and tests";
  const to = areaOf(found.target);
  if (to === undefined) return "the imported file lies in no room; give its room a line in scripts/layers/rules.ts";
  if (from === to) return undefined;
  return forbiddenStep(from, to) ?? sideEntrance(found.target) ?? typesOnly(from, found);
}

function forbiddenStep(from: Area, to: Area): string | undefined {
  if (mayImport[from].includes(to)) return undefined;
  return `${from} may import ${mayImport[from].join(", ") || "nothing"}`;
}

function sideEntrance(target: string): string | undefined {
  const room = rooms.find((name) => target.startsWith(`${name}/`));
  return room === undefined || posix.basename(target) === "mod.ts" ? undefined : `${room} is entered through ${room}/mod.ts`;
}

const typesOnly = (from: Area, { target, isTypeOnly }: Import): string | undefined =>
  from === "shell/formats" && target === "shell/session.ts" && !isTypeOnly ? "shell/formats may import types of the session only" : undefined;

const impurity = (from: Area, spelled: string): string | undefined =>
  pureAreas.includes(from) && spelled.startsWith("node:") && !pureModules.includes(spelled)
    ? `${from} is pure: of Node's modules it may import ${pureModules.join(", ")}`
    : undefined;
