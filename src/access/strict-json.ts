const PARTS = /"(?:[^"\\]|\\.)*"(\s*:)?/gs;

/** What a JSON text says; undefined where it is none, or where an object in it has one name twice: readers differ in which one counts. */
export function parseStrictly(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const named = [...text.matchAll(PARTS)].filter((part) => part[1] !== undefined).length;
    return named === namesIn(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function namesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members: unknown[] = Object.values(value);
  const own = Array.isArray(value) ? 0 : members.length;
  return members.reduce((sum: number, member) => sum + namesIn(member), own);
}
