/** What looks like a key, also one that a provider has half hidden. Long ones and the usual prefixes. */
const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|pplx|fw|hf|csk|nvapi|AIza|ya29|key|Bearer)[-_. ][\w*.+/=-]{4,}|\b[A-Fa-f0-9]{32,}\b/g;

const MAX_QUOTE_CHARS = 300;

/** A provider's words, fit to show to a caller: one line, short, and without what looks like a key. */
export function quote(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  const short = line.length > MAX_QUOTE_CHARS ? `${line.slice(0, MAX_QUOTE_CHARS)}…` : line;
  return short.replace(KEY_LIKE, "[redacted]");
}

/** The text of an HTML page, roughly: enough to recognise the proxy that made it. */
export function quoteHtml(html: string): string {
  const title = /<title[^>]*>([^<]{0,200})/i.exec(html)?.[1];
  return quote(title ?? html.slice(0, 2000).replace(/<[^>]*>/g, " "));
}
