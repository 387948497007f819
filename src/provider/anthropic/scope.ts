import type { Prompt } from "../../domain/contract.ts";
import type { DialectTarget } from "../dialect.ts";
import type { Family } from "./models.ts";
import type { Quirks } from "./quirks.ts";

/** What every part of the encoder knows of the request it writes. */
export interface Scope {
  readonly prompt: Prompt;
  readonly target: DialectTarget;
  readonly family: Family;
  readonly quirks: Quirks;
  /** Beta features that the request needs; grows while it is written. */
  readonly betas: Set<string>;
  /** Tokens to which the answer is limited. */
  readonly maxTokens: number;
}
