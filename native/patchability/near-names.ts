// Names that somebody may have meant.

const mostSuggestions = 3;

/** Up to three of `names` that are near to `wanted`, nearest first. */
export function nearNames(names: Iterable<string>, wanted: string): readonly string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const rated: { readonly name: string; readonly distance: number }[] = [];
  for (const name of new Set(names)) {
    const distance = rate(name, wanted, limit);
    if (distance <= limit) rated.push({ name, distance });
  }
  return rated
    .sort((one, other) => one.distance - other.distance || one.name.length - other.name.length || (one.name < other.name ? -1 : 1))
    .slice(0, mostSuggestions).map(({ name }) => name);
}

function rate(name: string, wanted: string, limit: number): number {
  const small = name.toLowerCase();
  const sought = wanted.toLowerCase();
  if (small === sought) return 0;
  // Part of a longer name: near, but behind a slip of the finger.
  const isPart = sought.length >= 4 && small.includes(sought);
  if (Math.abs(small.length - sought.length) > limit) return isPart ? 1 : Number.POSITIVE_INFINITY;
  return Math.min(isPart ? 1 : Number.POSITIVE_INFINITY, editDistance(small, sought));
}

/** Insertions, deletions and replacements from one to the other. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
