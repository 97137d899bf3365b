/** Owns when two JSON values are the same: the order of an object's members says nothing. */

/** JSON with the members of objects in the order of their names. `undefined` stays what it is. */
export function canonicalJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** The same of a text that may be no JSON. */
export function canonicalText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return text;
  }
}
