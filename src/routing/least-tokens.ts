/** Longest run of letters, digits and signs that is taken to be one token. */
const LONGEST_TOKEN = 64;

/** Most characters of Chinese, Japanese or Korean that are taken to be one token, on average. */
const WIDE_PER_TOKEN = 4;

const SPACE = 0x20;
const FIRST_WIDE = 0x2e80;

/**
 * The fewest tokens that texts can come to, whatever the tokenizer: none of them joins words across spaces. English has a
 * third more than that. Takes a few milliseconds for a million characters.
 */
export function countLeastTokens(texts: readonly string[]): number {
  let tokens = 0;
  let wide = 0;
  for (const text of texts) {
    let run = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > SPACE && unit < FIRST_WIDE) {
        if (run === 0) tokens++;
        run = run === LONGEST_TOKEN - 1 ? 0 : run + 1;
      } else {
        run = 0;
        if (unit >= FIRST_WIDE) wide++;
      }
    }
  }
  return tokens + Math.floor(wide / WIDE_PER_TOKEN);
}

/** No text of this many characters comes to more, by `countLeastTokens`. */
export function boundLeastTokens(characters: number): number {
  return Math.ceil(characters / 2);
}
