/** Prompts written as JSON, and what dialects make of them. */
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { type CompleteResponse, type Message, type Prompt, Role } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Delivery } from "../../src/domain/event.ts";
import type { Dialect } from "../../src/provider/dialect.ts";

/** One message of a user, where the prompt gives none. */
const HELLO = [{ role: "ROLE_USER", parts: [{ text: "Hello" }] }];

/** A prompt in the contract's JSON. */
export function prompt(json: JsonObject): Prompt {
  return fromJson(PromptSchema, { model: "x/m", messages: HELLO, ...json });
}

/** The body that a dialect writes, parsed. */
export function bodyOf(
  dialect: Dialect,
  json: JsonObject | Prompt,
  model = "m",
  delivery: Delivery = "unary",
): JsonObject {
  const asked = "$typeName" in json ? (json as Prompt) : prompt(json);
  return JSON.parse(dialect.encode(asked, { provider: "house", model }, delivery).body) as JsonObject;
}

/** The reason and the fields of a refusal; undefined where the dialect takes the prompt. */
export function refusalOf(dialect: Dialect, json: JsonObject, model = "m") {
  try {
    bodyOf(dialect, json, model);
    return undefined;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { reason: error.reason, fields: error.violations.map(({ field }) => field) };
  }
}

/** An answer, given back as the assistant's message after a user's. */
export function followUp({ parts }: CompleteResponse, more: readonly Message[] = []): Prompt {
  return {
    ...prompt({}),
    messages: [...prompt({}).messages, create(MessageSchema, { role: Role.ASSISTANT, parts }), ...more],
  };
}
