import { Buffer } from "node:buffer";
import type { TokenLogprob } from "../domain/contract.ts";
import { asArray, asRecord, asString, type JsonRecord } from "./json.ts";

/** A token with its log probability, as OpenAI writes it in chat completions and responses. */
export function readToken(value: unknown): TokenLogprob {
  const token = asRecord(value) ?? {};
  return {
    $typeName: "sluice.v1.TokenLogprob",
    ...readAlternative(token),
    top: asArray(token.top_logprobs).map((top) => ({
      $typeName: "sluice.v1.TokenAlternative",
      ...readAlternative(asRecord(top) ?? {}),
    })),
  };
}

function readAlternative(token: JsonRecord): { token: string; logprob: number; bytes: Uint8Array } {
  const logprob = token.logprob;
  const bytes = asArray(token.bytes).filter((byte) => typeof byte === "number");
  return {
    token: asString(token.token) ?? "",
    logprob: typeof logprob === "number" ? logprob : 0,
    bytes: Buffer.from(bytes),
  };
}
