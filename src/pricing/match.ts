/** How the catalogue recognises a name. Regular expressions come from the catalogue only. */
export type Match =
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string }
  | { readonly or: readonly Match[] }
  | { readonly and: readonly Match[] };

export type Matcher = (name: string) => boolean;

/** Compiles to a function of names in lower case. Case is ignored, except by regular expressions. */
export function compileMatch(match: Match): Matcher {
  if ("equals" in match) {
    const wanted = match.equals.toLowerCase();
    return (name) => name === wanted;
  }
  if ("starts_with" in match) {
    const wanted = match.starts_with.toLowerCase();
    return (name) => name.startsWith(wanted);
  }
  if ("ends_with" in match) {
    const wanted = match.ends_with.toLowerCase();
    return (name) => name.endsWith(wanted);
  }
  if ("contains" in match) {
    const wanted = match.contains.toLowerCase();
    return (name) => name.includes(wanted);
  }
  if ("regex" in match) {
    const pattern = new RegExp(match.regex);
    return (name) => pattern.test(name);
  }
  const parts = ("or" in match ? match.or : match.and).map(compileMatch);
  return "or" in match
    ? (name) => parts.some((matches) => matches(name))
    : (name) => parts.every((matches) => matches(name));
}
