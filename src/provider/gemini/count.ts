import { pickFields, readTokens } from "../counting.ts";
import type { PromptCounter } from "../dialect.ts";
import { parseExactly } from "../exact-json.ts";
import { asRecord } from "../json.ts";
import { encode, toPath } from "./encode.ts";
import type { Flavour } from "./quirks.ts";

/** What Vertex AI's `countTokens` takes; the Gemini API's takes whole requests. Source: both references, 2026-11. */
const FIELDS = ["contents", "systemInstruction", "tools", "generationConfig"];

/** Counts by the Gemini API and by Vertex AI. */
export function counterOf(flavour: Flavour): PromptCounter {
  return {
    encode(prompt, target) {
      const whole = encode(prompt, target, "unary", flavour);
      const path = toPath(target.model, flavour);
      const body =
        flavour.counts === "fields"
          ? pickFields(whole, FIELDS)
          : { generateContentRequest: { model: path.slice(1), ...asRecord(parseExactly(whole.body)) } };
      return { ...whole, path: `${path}:countTokens`, body: JSON.stringify(body) };
    },
    decode: (answer) => readTokens(answer, "totalTokens"),
  };
}
