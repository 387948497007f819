/**
 * A share in [0, 1) that depends on these texts only: the same in every process, of every version. For spreading keys,
 * not for secrets. FNV-1a over the code units, finished as in MurmurHash3 so that similar keys fall far apart.
 */
export function hashToShare(...texts: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const text of texts) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    // Ends the text: ("ab", "c") is not ("a", "bc"). No code unit is so large.
    hash = Math.imul(hash ^ 0x10000, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
