// The imports of a tree of TypeScript files, as the compiler itself reads them.

import { readFile, readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import ts from "typescript";

export interface Import {
  /** Path from the root of the tree. */
  readonly file: string;
  readonly line: number;
  /** As it is written. */
  readonly spelled: string;
  /** Path from the root of the tree; absent for packages and Node's own modules. */
  readonly target?: string;
  /** Nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

/** Every import, export … from, import() and import type of the `.ts` files below these directories of `root`. */
export async function readImports(root: string, directories: readonly string[]): Promise<readonly Import[]> {
  const files = (await Promise.all(directories.map((directory) => listSources(root, directory)))).flat().sort();
  return (await Promise.all(files.map((file) => importsOf(root, file)))).flat();
}

async function listSources(root: string, directory: string): Promise<string[]> {
  const entries = await readdir(join(root, directory), { withFileTypes: true }).catch(() => []);
  const nested = entries
    .filter(({ name }) => name !== "node_modules")
    .map(async (entry) => {
      const path = posix.join(directory, entry.name);
      return entry.isDirectory() ? await listSources(root, path) : /\.tsx?$/.test(entry.name) ? [path] : [];
    });
  return (await Promise.all(nested)).flat();
}

async function importsOf(root: string, file: string): Promise<Import[]> {
  const source = ts.createSourceFile(file, await readFile(join(root, file), "utf8"), ts.ScriptTarget.ESNext);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const reference = referenceIn(node);
    if (reference) {
      const { line } = source.getLineAndCharacterOfPosition(reference.literal.getStart(source));
      found.push({ file, line: line + 1, ...resolve(file, reference.literal.text), isTypeOnly: reference.isTypeOnly });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

interface Reference {
  readonly literal: ts.StringLiteralLike;
  readonly isTypeOnly: boolean;
}

function referenceIn(node: ts.Node): Reference | undefined {
  if (ts.isImportDeclaration(node)) return reference(node.moduleSpecifier, isTypeOnlyImport(node));
  if (ts.isExportDeclaration(node)) return reference(node.moduleSpecifier, node.isTypeOnly);
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? reference(node.argument.literal, true) : undefined;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return reference(node.arguments[0], false);
  return undefined;
}

const reference = (node: ts.Node | undefined, isTypeOnly: boolean): Reference | undefined =>
  node && ts.isStringLiteralLike(node) ? { literal: node, isTypeOnly } : undefined;

const isTypeOnlyImport = ({ importClause }: ts.ImportDeclaration): boolean => importClause?.isTypeOnly ?? false;

const resolve = (file: string, spelled: string): { spelled: string; target?: string } =>
  spelled.startsWith(".") ? { spelled, target: posix.normalize(posix.join(posix.dirname(file), spelled)) } : { spelled };
