// Which units can come to include a file, told without a compiler: from every unit's own file on, each file that a directive names is
// looked for in all places in which any compiler looks, whatever its ending and wherever it lies, and every branch of every
// condition counts as taken. So a unit that includes the file is always among those found, and only these have to be asked.
//
// Units are open where that cannot be told: a directive's name is put together by macros, or an option lets the compiler read files
// that no directive names. A name that is one macro is known where all definitions of it say the whole name.

import { readdirSync } from "node:fs";
import { basename, dirname, isAbsolute } from "node:path";

import type { DirectiveReader } from "./directive-reader.ts";
import type { Directives, FileName } from "./directives.ts";
import { realPath } from "./source-tree.ts";

/** Where one unit begins. Paths are absolute. */
export interface Beginning {
  /** Its own file, and those of options. */
  readonly files: readonly string[];
  /** Words that define macros, as `NAME=value`. */
  readonly definitions: readonly string[];
  readonly isOpen: boolean;
}

export interface InclusionSearch {
  readonly units: readonly Beginning[];
  /** Of all units, those of the compilers too. */
  readonly directories: readonly string[];
  /** Files to be reached. Those that are not there count as if they were. */
  readonly targets: readonly string[];
  readonly directives: DirectiveReader;
}

/** What a unit may reach. */
export interface Reach {
  /** Targets that it may include. */
  readonly targets: ReadonlySet<string>;
  /** It may read files that are not known here. */
  readonly isOpen: boolean;
  /** It may hold directives that have the assembler read files. */
  readonly assembles: boolean;
  /** Lines of its own file are said to be those of another one. */
  readonly isMade: boolean;
}

/** In the order of the units. */
export function findInclusions({ units, directories, targets, directives }: InclusionSearch): readonly Reach[] {
  const graph = new Graph([...new Set(directories.map(realPath))], targets, directives);
  const beginnings = units.map(({ files }) => files.map((file) => graph.begin(file)));
  graph.complete(units.flatMap(({ definitions }) => definitions));
  const reaching = targets.map((target) => [target, graph.reaching(({ leadsTo }) => leadsTo === target)] as const);
  const [open, assembling] = [graph.reaching(({ isOpen }) => isOpen), graph.reaching(({ directives: { assembles } }) => assembles)];
  return units.map(({ isOpen }, index) => {
    const nodes = beginnings[index] ?? [];
    const isAmong = (found: ReadonlySet<Node>): boolean => nodes.some((node) => found.has(node));
    return { targets: new Set(reaching.filter(([, found]) => isAmong(found)).map(([target]) => target)), isOpen: isOpen || isAmong(open), assembles: isAmong(assembling), isMade: nodes[0]?.directives.isMade ?? false };
  });
}

interface Node {
  readonly path: string;
  /** Of the path. */
  readonly directory: Place;
  readonly directives: Directives;
  /** The target that it is, by whatever name. */
  readonly leadsTo: string | undefined;
  readonly includedBy: Set<Node>;
  isOpen: boolean;
}

type Entries = ReadonlyMap<string, "file" | "directory" | "link">;

/** A directory, without links in its path: `..` goes by it. */
interface Place {
  readonly path: string;
  /** Read when they are first asked for. */
  entries: Entries | undefined;
  readonly nodes: Map<string, Node>;
  /** By ways that names take from here. */
  readonly ways: Map<string, Place | undefined>;
}

class Graph {
  readonly #directives: DirectiveReader;
  readonly #directories: readonly Place[];
  readonly #targets: ReadonlyMap<string, string>;
  /** Names of targets that are not there, by directory. */
  readonly #created = new Map<string, readonly string[]>();
  readonly #places = new Map<string, Place>();
  /** By other paths of theirs. */
  readonly #spelled = new Map<string, Place>();
  readonly #nodes: Node[] = [];
  readonly #found = new Map<string, readonly Node[]>();
  readonly #unread: Node[] = [];

  constructor(directories: readonly string[], targets: readonly string[], directives: DirectiveReader) {
    this.#directives = directives;
    this.#targets = new Map(targets.map((target) => [realPath(target), target]));
    for (const target of targets) this.#created.set(dirname(target), [...this.#created.get(dirname(target)) ?? [], basename(target)]);
    this.#directories = directories.map((directory) => this.#place(directory));
  }

  begin(file: string): Node {
    const node = this.#nodeAt(file);
    this.#follow();
    return node;
  }

  /** Follows names that are macros, until nothing more is found. */
  complete(definitions: readonly string[]): void {
    for (let known = 0; known < this.#nodes.length;) {
      known = this.#nodes.length;
      const meaning = new MacroMeaning(this.#directives, definitions);
      for (const node of this.#nodes.filter(({ directives: { macros } }) => macros.length > 0)) {
        const names = node.directives.macros.map((macro) => meaning.of(macro));
        node.isOpen ||= names.includes(undefined);
        for (const name of names.flatMap((each) => each ?? [])) this.#include(node, name);
      }
      this.#follow();
    }
  }

  reaching(isWanted: (node: Node) => boolean): ReadonlySet<Node> {
    const found = new Set(this.#nodes.filter(isWanted));
    // What is added is visited, too.
    for (const node of found) for (const includer of node.includedBy) found.add(includer);
    return found;
  }

  #follow(): void {
    for (let node = this.#unread.pop(); node !== undefined; node = this.#unread.pop()) {
      for (const name of node.directives.names) this.#include(node, name);
    }
  }

  #include(from: Node, { name, isQuoted }: FileName): void {
    if (isAbsolute(name)) this.#nodeAt(name).includedBy.add(from);
    else if (isQuoted) this.#find(from.directory, name)?.includedBy.add(from);
    for (const node of this.#anywhere(name)) node.includedBy.add(from);
  }

  #anywhere(name: string): readonly Node[] {
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const found = this.#directories.map((directory) => this.#find(directory, name)).filter((node) => node !== undefined);
    this.#found.set(name, found);
    return found;
  }

  #find(directory: Place, name: string): Node | undefined {
    const slash = name.lastIndexOf("/");
    const place = slash < 0 ? directory : this.#way(directory, name.slice(0, slash));
    const own = name.slice(slash + 1);
    const entry = place === undefined ? undefined : this.#entries(place).get(own);
    return place === undefined || entry === undefined || entry === "directory" ? undefined : this.#node(place, own, entry === "link");
  }

  /** Of a file by any path, there or not. */
  #nodeAt(file: string): Node {
    const [directory, name] = [this.#placeOf(file), basename(file)];
    return this.#node(directory, name, this.#entries(directory).get(name) !== "file");
  }

  #node(directory: Place, name: string, mayBeLink: boolean): Node {
    const known = directory.nodes.get(name);
    if (known !== undefined) return known;
    const path = `${directory.path}/${name}`;
    const directives = this.#directives.read(path);
    const node: Node = { path, directory, directives, leadsTo: this.#targets.get(mayBeLink ? realPath(path) : path), includedBy: new Set(), isOpen: directives.isOpen };
    directory.nodes.set(name, node);
    this.#nodes.push(node);
    this.#unread.push(node);
    return node;
  }

  /** Of a file by any path. */
  #placeOf(file: string): Place {
    const directory = dirname(file);
    const known = this.#spelled.get(directory) ?? this.#place(realPath(directory));
    this.#spelled.set(directory, known);
    return known;
  }

  #way(from: Place, way: string): Place | undefined {
    if (from.ways.has(way)) return from.ways.get(way);
    const place = this.#go(from, way);
    from.ways.set(way, place);
    return place;
  }

  /** Most directories have no such way, and to know that takes no look at the disk. */
  #go(from: Place, way: string): Place | undefined {
    const [first = "", ...rest] = way.split("/");
    const entry = this.#entries(from).get(first);
    if (entry === undefined && first !== ".." && first !== "." && first !== "") return undefined;
    const next = first === ".." ? dirname(from.path) : entry === undefined ? from.path : entry === "directory" ? `${from.path}/${first}` : realPath(`${from.path}/${first}`);
    return rest.length === 0 ? this.#place(next) : this.#way(this.#place(next), rest.join("/"));
  }

  #place(path: string): Place {
    const known = this.#places.get(path) ?? { path, entries: undefined, nodes: new Map(), ways: new Map() };
    this.#places.set(path, known);
    return known;
  }

  #entries(place: Place): Entries {
    return (place.entries ??= this.#list(place.path));
  }

  #list(directory: string): Entries {
    const created = (this.#created.get(directory) ?? []).map((name) => [name, "file"] as const);
    try {
      const entries = readdirSync(directory, { withFileTypes: true });
      return new Map([...created, ...entries.map((entry) => [entry.name, entry.isDirectory() ? "directory" : entry.isSymbolicLink() ? "link" : "file"] as const)]);
    } catch {
      return new Map(created);
    }
  }
}

/** Compilers define these by themselves. */
const predefined = /^(?:linux|unix|i386)$/;
const deepest = 8;

/** What stands for what, by all texts and commands. */
class MacroMeaning {
  readonly #directives: DirectiveReader;
  readonly #definitions: readonly string[];
  readonly #values = new Map<string, readonly string[]>();

  constructor(directives: DirectiveReader, definitions: readonly string[]) {
    this.#directives = directives;
    this.#definitions = definitions;
  }

  /** All names of files that the macro may stand for; undefined where one is put together by others. */
  of(macro: string, depth = 0): readonly FileName[] | undefined {
    if (depth > deepest) return undefined;
    const names = this.#valuesOf(macro).map((value) => this.#namesIn(value, depth));
    return names.includes(undefined) ? undefined : names.flatMap((each) => each ?? []);
  }

  #namesIn(value: string, depth: number): readonly FileName[] | undefined {
    const [, quoted, angled, other] = /^\s*(?:"([^"]+)"|<([^>]+)>|(\w+))\s*$/.exec(value) ?? [];
    if (quoted !== undefined) return [{ name: quoted, isQuoted: true }];
    if (angled !== undefined) return this.#mayChange(angled) ? undefined : [{ name: angled, isQuoted: false }];
    return other === undefined ? undefined : this.of(other, depth + 1);
  }

  /** Words between angle brackets may be macros themselves. */
  #mayChange(name: string): boolean {
    return (name.match(/[A-Za-z_]\w*/g) ?? []).some((word) => predefined.test(word) || this.#valuesOf(word).length > 0);
  }

  #valuesOf(macro: string): readonly string[] {
    const known = this.#values.get(macro);
    if (known !== undefined) return known;
    const own = new RegExp(`^${macro}(?:=|(?=\\()|$)`);
    const found = [...this.#directives.valuesOf(macro), ...this.#definitions.filter((word) => own.test(word)).map((word) => word.replace(own, ""))];
    this.#values.set(macro, found);
    return found;
  }
}
