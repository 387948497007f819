import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { DialectTarget } from "./dialect.ts";

/** What a target cannot do. `field` is the contract's path of what was asked for. */
export function unsupported(
  field: string,
  target: DialectTarget,
  advice = "leave it out or choose another model",
): GatewayError {
  return new GatewayError(ErrorReason.FEATURE_UNSUPPORTED, `${field}: ${target.provider} cannot do this; ${advice}.`, {
    violations: [{ field, description: `not supported by ${target.provider}` }],
  });
}

/** A provider that makes no vectors. */
export function noVectors(target: DialectTarget): GatewayError {
  return unsupported("input.model", target, "choose a model of a provider that has vectors");
}

const fields: { readonly [kind: string]: string } = { toolCall: "tool_call", toolResult: "tool_result" };

/** The contract's name of what a part holds. */
export function fieldOf(kind: string | undefined): string {
  return kind === undefined ? "content" : (fields[kind] ?? kind);
}
