import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import type { Feature, Row, Verdict } from "./feature.ts";

/** The provider's name in all prompts of the probe. */
export const PROVIDER = "house";

/** One way of asking for a feature. */
export interface Way {
  /** What tells it from the feature's other ways; as a note says it after "Not". */
  readonly name: string;
  /** Of a prompt or whatever else is asked with, in the contract's JSON. */
  readonly prompt: JsonObject;
}

export interface Asking {
  /** The prompt without the wish: what is sent for it must be something else. */
  readonly without?: JsonObject;
  /** Said where the provider is sent nothing for it, which otherwise is a defect; `answer` is what that comes to. */
  readonly unsent?: Verdict;
  /** What is to be said of how it is asked for. */
  readonly how?: (body: JsonObject) => string | undefined;
}

const HELLO: JsonObject = { messages: [{ role: "ROLE_USER", parts: [{ text: "Hello" }] }] };

/** A feature that is asked for: it is there where the dialect writes a body that says it. */
export function asked(name: string, ways: readonly Way[] | JsonObject, asking: Asking = {}): Feature {
  const list = Array.isArray(ways) ? (ways as readonly Way[]) : [{ name, prompt: ways as JsonObject }];
  return {
    name,
    probe: (row, dialect) => judge(list, (json) => write(dialect, row, json), asking, `${name}: ${dialect.name}`),
  };
}

type Outcome =
  | { readonly kind: "sent"; readonly note: string | undefined }
  | { readonly kind: "unsent" }
  | { readonly kind: "refused"; readonly way: string; readonly advice: string | undefined };

/** `write`: what is sent for a wish, or its refusal. Throws, naming the `place`, where it is dropped. */
export function judge(
  ways: readonly Way[],
  write: (json: JsonObject) => JsonObject | GatewayError,
  asking: Asking,
  place: string,
): Verdict {
  const before = write(asking.without ?? {});
  if (before instanceof GatewayError) return { answer: "no", notes: advices(before).map(sentence) };
  const outcomes = ways.map(({ name, prompt }): Outcome => {
    const body = write(prompt);
    if (body instanceof GatewayError) return { kind: "refused", way: name, advice: advices(body)[0] };
    const same = JSON.stringify(body) === JSON.stringify(before);
    if (same && asking.unsent === undefined) throw new Error(`${place} drops it (${name}).`);
    return same ? { kind: "unsent" } : { kind: "sent", note: asking.how?.(body) };
  });
  const refused = outcomes.filter((outcome) => outcome.kind === "refused");
  const notes = outcomes.flatMap((outcome) => (outcome.kind === "sent" && outcome.note ? [outcome.note] : []));
  if (refused.length === 0) {
    const unsent =
      asking.unsent !== undefined && outcomes.some(({ kind }) => kind === "unsent") ? asking.unsent : undefined;
    return { answer: unsent?.answer ?? "yes", notes: [...new Set([...notes, ...(unsent?.notes ?? [])])] };
  }
  const advised = [...new Set(refused.map(({ advice }) => advice))];
  if (refused.length === outcomes.length) {
    return { answer: "no", notes: advised.flatMap((advice) => (advice === undefined ? [] : [sentence(advice)])) };
  }
  const excepted = advised.map((advice) => {
    const ofThese = refused.filter((outcome) => outcome.advice === advice).map(({ way }) => way);
    return sentence(`not ${ofThese.join(", ")}${advice === undefined ? "" : `: ${advice}`}`);
  });
  return { answer: "partly", notes: [...new Set([...notes, ...excepted])] };
}

/** The body that is sent, or the refusal. Throws where the prompt is refused for another reason: it is to be a good one. */
export function write(dialect: Dialect, { model }: Row, json: JsonObject): JsonObject | GatewayError {
  const prompt = fromJson(PromptSchema, { model: "x/m", ...HELLO, ...json });
  return refusalOr(() => JSON.parse(dialect.encode(prompt, { provider: PROVIDER, model }, "unary").body) as JsonObject);
}

/** What is done, or the refusal of a feature. */
export function refusalOr<T>(act: () => T): T | GatewayError {
  try {
    return act();
  } catch (error) {
    if (error instanceof GatewayError && error.reason === ErrorReason.FEATURE_UNSUPPORTED) return error;
    throw error;
  }
}

/** Advice that only repeats that it cannot be done. */
const GENERAL = "leave it out or choose another model";

/** What a refusal says to do instead; none where it only says that it cannot be done. */
function advices({ message }: GatewayError): string[] {
  const advice = /cannot do this; (.*)\.$/.exec(message)?.[1];
  return advice === undefined || advice === GENERAL ? [] : [advice];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
