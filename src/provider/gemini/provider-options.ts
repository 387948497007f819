import type { Prompt } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { DialectTarget } from "../dialect.ts";
import { asArray, asRecord } from "../json.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set: the contract says it, or the answer could not be told in its terms. */
const RESERVED = new Set(["model", "contents", "systemInstruction", "generationConfig.candidateCount"]);

/** Objects that Sluice and `provider_options` write together, each its own fields. */
const SHARED = new Set([
  "generationConfig",
  "generationConfig.thinkingConfig",
  "toolConfig",
  "toolConfig.functionCallingConfig",
]);

/** Merges what the prompt wants for this provider into its body. Tools of the provider stand beside the prompt's. */
export function addProviderOptions(body: WireRequestBody, prompt: Prompt, target: DialectTarget): void {
  const options = prompt.providerOptions[target.provider];
  if (options === undefined) return;
  merge(body, options, "", `prompt.provider_options[${JSON.stringify(target.provider)}]`);
}

function merge(into: Record<string, unknown>, options: object, path: string, field: string): void {
  for (const [given, value] of Object.entries(options)) {
    // Google takes both spellings, and refuses a field that comes in both.
    const name = given.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const at = path === "" ? name : `${path}.${name}`;
    const own = Object.hasOwn(into, name) ? into[name] : undefined;
    const record = asRecord(value);
    if (SHARED.has(at) && record !== undefined) {
      const inner = { ...asRecord(own) };
      merge(inner, record, at, `${field}.${given}`);
      set(into, name, inner);
    } else if (at === "tools" && Array.isArray(value)) {
      set(into, name, [...asArray(own), ...value]);
    } else if (RESERVED.has(at) || own !== undefined) {
      const description = "is written by Sluice from the contract's own fields";
      throw invalidRequest([{ field: `${field}.${given}`, description }]);
    } else {
      set(into, name, value);
    }
  }
}

/** Not by assignment: `__proto__` as a name would set the prototype. */
function set(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
