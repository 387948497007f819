import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";
import { quote } from "../quote.ts";
import { contractFields } from "./encode.ts";

/** Where a warning has no kind that says it: the words of packages for what they left out (read in 2026-11). */
const DROPPED = /unsupported|not supported|ignored|dropped|removed|disabled|cannot/i;

/**
 * Refuses what a package says that it left out or changed of what was asked. Returns the warnings that are none of
 * that: callers see them in the answer's metadata.
 */
export function checkWarnings(warnings: unknown, provider: string): JsonRecord[] {
  const harmless: JsonRecord[] = [];
  for (const item of asArray(warnings)) {
    const warning = asRecord(item);
    if (warning === undefined) continue;
    const message = asString(warning.message) ?? asString(warning.details) ?? "";
    if (warning.type === "unsupported" || (warning.type === "other" && DROPPED.test(message))) {
      throw refused(asString(warning.feature) ?? "", message, provider);
    }
    harmless.push(warning);
  }
  return harmless;
}

function refused(feature: string, message: string, provider: string): GatewayError {
  const field = contractFields[feature] ?? "prompt";
  const quoted = quote([field === "prompt" ? feature : "", message].filter((words) => words !== "").join(": "));
  return new GatewayError(
    ErrorReason.FEATURE_UNSUPPORTED,
    `${field}: ${provider} does not do this as asked${quoted === "" ? "" : ` (${quoted})`}; leave it out or choose another model.`,
    { violations: [{ field, description: `not supported by ${provider}` }], quoted },
  );
}
