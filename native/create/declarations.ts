// What a changed piece of a header declares, where it consists of nothing but declarations of functions and variables. In C such a
// piece changes the code of no unit that does not use what it declares.

/** Words that make a declaration more than one, or a statement of what looks like a declaration. */
const telling =
  /[#{}="]|\b(typedef|static|inline|__inline|__inline__|register|auto|return|else|do|goto|case|default|break|continue|if|for|while|switch|sizeof|asm|__asm|__asm__|_Pragma|alias|__alias__|ifunc|__ifunc__|weak|__weak__|used|__used__|section|__section__|struct\s*\{|enum)\b/;
const prototype = /^(?:extern\s+)?(?:[A-Za-z_]\w*[\s*]+)+\**([A-Za-z_]\w*)\s*\([^;]*\)$/;
const variable = /^extern\s+(?:[A-Za-z_]\w*[\s*]+)+\**([A-Za-z_]\w*)\s*(?:\[\w*\]\s*)*$/;

/** Names of the declarations that a text without comments consists of; undefined where it holds anything else. */
export function declaredNames(text: string): readonly string[] | undefined {
  if (telling.test(text)) return undefined;
  const declarations = text.split(";").map((part) => part.trim());
  if (declarations.pop() !== "") return undefined; // the last one goes on in lines that are not changed
  const names = declarations.map((declaration) => (prototype.exec(declaration) ?? variable.exec(declaration))?.[1]);
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** Is the declaration before line `at` at its end? What comes next would be part of it otherwise. */
export function beginsDeclaration(lines: readonly string[], at: number): boolean {
  const before = lines.slice(0, at).findLast((line) => line.trim() !== "");
  return before === undefined || /[;}]\s*$/.test(before);
}
