import { pickFields, readTokens } from "../counting.ts";
import type { PromptCounter } from "../dialect.ts";
import { encode } from "./encode.ts";

/** A `ConverseTokensRequest`. Source: Bedrock API reference and AWS's clients, read 2026-11. */
const FIELDS = ["messages", "system", "toolConfig", "additionalModelRequestFields"];

/** Only Claude from 3.5 on is counted for. Source: Bedrock user guide, "Count your tokens", 2026-11. */
const COUNTED = /^anthropic\.claude-(3-[57]|(opus|sonnet|haiku|fable|mythos)-\d)/;

/** The prefix of a profile that spans regions: `us.`, `global.`. The counter knows models alone. */
const REGIONS = /^(us-gov|us|eu|apac|au|jp|in|ca|sa|me|af|global)\./;

/** Counts by Bedrock's CountTokens. An ARN does not say whose model it is: nothing is asked for it. */
export const counter: PromptCounter = {
  encode(prompt, target) {
    const whole = encode(prompt, target, "unary");
    const model = target.model.replace(REGIONS, "");
    if (!COUNTED.test(model)) return undefined;
    return {
      ...whole,
      path: `/model/${encodeURIComponent(model)}/count-tokens`,
      body: JSON.stringify({ input: { converse: pickFields(whole, FIELDS) } }),
    };
  },
  decode: (answer) => readTokens(answer, "inputTokens"),
};
