import type { Prompt } from "../../domain/contract.ts";
import type { DialectTarget } from "../dialect.ts";
import type { Asked } from "./asked.ts";
import type { Form } from "./versions.ts";

/** What every part of the encoder knows of the call that it writes. */
export interface Scope {
  readonly prompt: Prompt;
  readonly target: DialectTarget;
  readonly form: Form;
  /** Name under which the package reads options. */
  readonly optionsName: string;
  /** What the package calls itself: the owner of state that goes back to it. */
  readonly owner: string;
  /** Grows while the call is written. */
  readonly asked: Asked;
}
