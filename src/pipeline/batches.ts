import { Buffer } from "node:buffer";
import { estimateTokens } from "../pricing/estimate.ts";
import type { BatchLimits } from "../provider/dialect.ts";

/** Texts in their order, in as few requests as the limits allow. A text that is too long alone has one of its own. */
export function splitTexts(texts: readonly string[], limits: BatchLimits, model: string): string[][] {
  const batches: string[][] = [];
  // No tokenizer makes more tokens than there are bytes: most inputs need no estimate.
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  let batch: string[] = [];
  let tokens = 0;
  for (const text of texts) {
    const more = bytes <= limits.tokens ? 0 : estimateTokens(text, model);
    if (batch.length > 0 && (batch.length >= limits.texts || tokens + more > limits.tokens)) {
      batches.push(batch);
      batch = [];
      tokens = 0;
    }
    batch.push(text);
    tokens += more;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
