import { distance } from "fastest-levenshtein";

/** Of `names`, those that somebody who wrote `wrong` may have meant: at most three, the likeliest first. */
export function findNearest(wrong: string, names: Iterable<string>): string[] {
  const wanted = wrong.slice(0, 128).toLowerCase();
  const bound = Math.max(2, Math.floor(wanted.length / 2));
  return [...names]
    .map((name) => ({ name, far: distance(wanted, name.toLowerCase()) }))
    .filter(({ far }) => far <= bound)
    .sort((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}
