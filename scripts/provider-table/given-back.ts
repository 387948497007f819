import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { Role } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { decodeFrames } from "./answered.ts";
import { write } from "./asked.ts";
import type { Feature } from "./feature.ts";

/** A thought and what signs it, in each dialect: an answer whose next turn must bring both back. */
const THOUGHT = "A thought to be found again";
const SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSB0aG91Z2h0";

const signed: Readonly<Record<string, JsonObject>> = {
  "openai-chat": {
    choices: [
      {
        message: {
          content: "Hi",
          reasoning: THOUGHT,
          reasoning_details: [{ type: "reasoning.text", text: THOUGHT, signature: SIGNATURE }],
        },
        finish_reason: "stop",
      },
    ],
  },
  "openai-responses": {
    status: "completed",
    output: [
      {
        type: "reasoning",
        id: "i",
        summary: [{ type: "summary_text", text: THOUGHT }],
        encrypted_content: SIGNATURE,
      },
    ],
  },
  anthropic: { content: [{ type: "thinking", thinking: THOUGHT, signature: SIGNATURE }], stop_reason: "end_turn" },
  gemini: {
    candidates: [
      { content: { parts: [{ text: THOUGHT, thought: true, thoughtSignature: SIGNATURE }] }, finishReason: "STOP" },
    ],
  },
  "bedrock-converse": {
    output: {
      message: { content: [{ reasoningContent: { reasoningText: { text: THOUGHT, signature: SIGNATURE } } }] },
    },
    stopReason: "end_turn",
  },
  cohere: { message: { content: [{ type: "thinking", thinking: THOUGHT }] }, finish_reason: "COMPLETE" },
  ollama: { message: { content: "Hi", thinking: THOUGHT }, done: true, done_reason: "stop" },
};

/** Reasoning in the turn after it: byte for byte with its signature, or its text alone. */
export const givenBack: Feature = {
  name: "given back",
  probe: async (row, dialect) => {
    const answer = await decodeFrames(dialect, [{ data: JSON.stringify(signed[dialect.name]) }], true);
    const message = create(MessageSchema, { role: Role.ASSISTANT, parts: answer.parts });
    const turns = [
      { role: "ROLE_USER", parts: [{ text: "A" }] },
      toJson(MessageSchema, message),
      { role: "ROLE_USER", parts: [{ text: "B" }] },
    ];
    const body = write(dialect, row, { messages: turns });
    if (body instanceof GatewayError) return { answer: "no", notes: [body.message] };
    const text = JSON.stringify(body);
    if (text.includes(SIGNATURE)) return { answer: "yes", notes: ["With its signature, byte for byte."] };
    if (text.includes(THOUGHT)) return { answer: "yes", notes: ["Its text; this wire has no signatures."] };
    return { answer: "no", notes: ["This wire has no place for it: it is left out."] };
  },
};
