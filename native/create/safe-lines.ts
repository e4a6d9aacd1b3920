// Before which lines of a C or C++ source a `#line` may stand: not inside a comment, a literal, a continued line, a
// directive, or parentheses, which may be the arguments of a macro. Where it is in doubt, a line is not safe: the
// next one is soon there.

interface ScanState {
  mode: "code" | "block-comment" | "raw-string";
  /** What ends the raw string. */
  rawEnd: string;
  /** Open parentheses. */
  depth: number;
  /** Depth at each #if that is open: the branches of one #if begin alike. */
  readonly conditionals: number[];
}

/** For each line: may a directive be inserted before it? */
export function findSafeLines(lines: readonly string[]): readonly boolean[] {
  const state: ScanState = { mode: "code", rawEnd: "", depth: 0, conditionals: [] };
  const safe: boolean[] = [];
  let logical = "";
  for (const line of lines) {
    const isContinued = logical !== "";
    if (!isContinued && state.mode === "code" && /^[{}]/.test(line)) state.depth = 0;
    safe.push(!isContinued && state.mode === "code" && state.depth === 0);
    // In a raw string a backslash at the end of a line is only a backslash.
    if (state.mode !== "raw-string" && /\\[ \t]*\r?$/.test(line)) {
      logical += `${line.replace(/\\[ \t]*\r?$/, "")} `;
      continue;
    }
    scanLogicalLine(state, logical + line);
    logical = "";
  }
  return safe;
}

function scanLogicalLine(state: ScanState, line: string): void {
  const directive = state.mode === "code" ? /^\s*(?:#|%:|\?\?=)\s*(\w*)/.exec(line) : null;
  if (!directive) {
    scanCode(state, line, 0);
    return;
  }
  const depth = state.depth;
  scanCode(state, line, directive[0].length); // a comment may begin on the line of a directive and go on after it
  state.depth = depth;
  followConditional(state, directive[1] ?? "");
}

function followConditional(state: ScanState, directive: string): void {
  if (/^if(n?def)?$/.test(directive)) state.conditionals.push(state.depth);
  else if (/^(else|elif|elifn?def)$/.test(directive)) state.depth = state.conditionals.at(-1) ?? state.depth;
  else if (directive === "endif") state.conditionals.pop();
}

const token = /\/\/|\/\*|(?:\b(?:u8|[uUL])?R"([^()\\\s]{0,16})\()|"(?:[^"\\]|\\.)*("|$)|(?:\b\d[\w.']*)|'(?:[^'\\]|\\.)*('|$)|[()]/y;

function scanCode(state: ScanState, line: string, from: number): void {
  let at = from;
  while (at < line.length) {
    if (state.mode !== "code") {
      at = skipTo(state, line, at);
      continue;
    }
    token.lastIndex = at;
    const match = token.exec(line);
    if (!match) {
      at = nextCandidate(line, at + 1);
      continue;
    }
    at += match[0].length;
    if (match[0] === "//") return;
    if (match[0] === "/*") state.mode = "block-comment";
    else if (match[1] !== undefined) startRawString(state, match[1]);
    else if (match[0] === "(") state.depth++;
    else if (match[0] === ")") state.depth = Math.max(0, state.depth - 1);
  }
}

function startRawString(state: ScanState, delimiter: string): void {
  state.mode = "raw-string";
  state.rawEnd = `)${delimiter}"`;
}

/** The end of the comment or raw string on this line, or of the line. */
function skipTo(state: ScanState, line: string, at: number): number {
  const end = state.mode === "block-comment" ? "*/" : state.rawEnd;
  const found = line.indexOf(end, at);
  if (found === -1) return line.length;
  state.mode = "code";
  return found + end.length;
}

const candidate = /[/"'()]|\b(?:\d|(?:u8|[uUL])?R")/g;

function nextCandidate(line: string, at: number): number {
  candidate.lastIndex = at;
  return candidate.exec(line)?.index ?? line.length;
}
