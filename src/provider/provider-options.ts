import type { Prompt } from "../domain/contract.ts";
import { invalidRequest } from "../domain/error.ts";
import type { DialectTarget } from "./dialect.ts";
import type { JsonRecord } from "./json.ts";

/** What the caller wants in the body beyond the common form; undefined where there is nothing for this provider. */
export function optionsFor(
  { providerOptions }: Pick<Prompt, "providerOptions">,
  target: DialectTarget,
): JsonRecord | undefined {
  return providerOptions[target.provider];
}

/** The request's field that options are below. */
type Root = "prompt" | "input";

/** The contract's path of an option. */
export function optionField(name: string, target: DialectTarget, root: Root = "prompt"): string {
  return `${root}.provider_options[${JSON.stringify(target.provider)}].${name}`;
}

/** Merges options into a body. Throws `INVALID_REQUEST` for a field that is reserved or written already. */
export function addOptions(
  body: Record<string, unknown>,
  options: JsonRecord,
  reserved: ReadonlySet<string>,
  target: DialectTarget,
  path = "",
  root: Root = "prompt",
): void {
  for (const [name, value] of Object.entries(options)) {
    if (reserved.has(name) || Object.hasOwn(body, name)) {
      const field = optionField(path + name, target, root);
      throw invalidRequest([{ field, description: "is written by Sluice from the contract's own fields" }]);
    }
    // Not by assignment: `__proto__` as a name would set the prototype.
    Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
  }
}
