import { type Answer, composeAnswer } from "./answers.ts";
import { type Behaviour, behaviour, type Exchange } from "./behaviour.ts";
import { ApiError } from "./errors.ts";
import { bytes, choice, count, type Options, readOptions, type Values } from "./options.ts";
import type { ChatRequest } from "./request.ts";
import { sampleOf } from "./schema-sample.ts";
import { paceOptions, sendAnswer } from "./send.ts";
import { fixedBytes, fixedWords, listed, type Pieces, piecesOf } from "./tokens.ts";
import { callTools } from "./tool-calls.ts";

/** A model that answers well; all of them take `ttft` and `rate`. */
function answering<O extends Options>(
  name: string,
  description: string,
  options: O,
  answer: (exchange: Exchange, values: Values<O>) => Answer,
): Behaviour {
  const { prepare, ...described } = behaviour(name, description, { ...paceOptions, ...options }, () => {});
  return {
    ...described,
    prepare(raw) {
      prepare(raw);
      const pace = readOptions(paceOptions, raw);
      const values = readOptions(options, raw);
      return (exchange) => sendAnswer(exchange, answer(exchange, values), pace);
    },
  };
}

const echo = answering(
  "echo",
  "says the text of the last user message, and which images, audio and files came with it",
  {},
  ({ request }) => composeAnswer(request, { content: spoken(echoOf(request)) }),
);

const text = answering(
  "text",
  "says a fixed text, made as it is sent",
  {
    tokens: count("tokens of the answer, each one chunk when streamed", 16),
    chunk: count("characters of each chunk, instead of one word", undefined, { least: 1, most: 1_048_576 }),
    "total-bytes": bytes(
      "size of the text, instead of `tokens`; chunks are of 4096 characters unless `chunk` is given",
      undefined,
    ),
  },
  ({ request }, { tokens, chunk, "total-bytes": totalBytes }) =>
    composeAnswer(request, { content: fixedText(tokens, chunk, totalBytes) }),
);

const tools = answering(
  "tools",
  "calls the tool that tool_choice names, or else the first; says what the tools answered once they have",
  {
    count: count("parallel calls, taking the tools in turn; 1 where parallel_tool_calls is false", 1, {
      least: 1,
      most: 100,
    }),
  },
  ({ request, number }, { count }) => callTools(request, number, count),
);

const reasoning = answering(
  "reasoning",
  "thinks, then says a fixed text",
  {
    tokens: count("tokens of reasoning", 8),
    field: choice("what the reasoning is called in message and delta", ["reasoning_content", "reasoning"]),
  },
  ({ request }, { tokens, field }) =>
    composeAnswer(request, { reasoning: fixedWords(tokens), reasoningField: field, content: fixedWords(10) }),
);

const json = answering(
  "json",
  "says a JSON object: one that fits the schema of response_format, or else the last user text as `answer`",
  {},
  ({ request }) => {
    const value = request.jsonSchema === undefined ? { answer: lastUserText(request) } : sampleOf(request.jsonSchema);
    return composeAnswer(request, { content: spoken(JSON.stringify(value)) });
  },
);

const refusal = answering("refusal", "refuses, with finish_reason stop and no content", {}, ({ request }) =>
  composeAnswer(request, { refusal: spoken("I'm sorry, I can't assist with that request.") }),
);

const logprobs = answering(
  "logprobs",
  "says a fixed text with log probabilities, even when the request does not ask for them",
  {},
  ({ request }) => composeAnswer(request, { content: fixedWords(10), logprobs: true }),
);

const cached = answering(
  "cached",
  "says a fixed text after a prompt of which a part was cached",
  { tokens: count("cached tokens, on top of those of the request", 1024) },
  ({ request }, { tokens }) => composeAnswer(request, { content: fixedWords(10), cachedTokens: tokens }),
);

export const models: readonly Behaviour[] = [echo, text, tools, reasoning, json, refusal, logprobs, cached];

function fixedText(tokens: number, chunk: number | undefined, totalBytes: number | undefined): Pieces {
  if (totalBytes !== undefined) return fixedBytes(totalBytes, chunk ?? 4096);
  return chunk === undefined ? fixedWords(tokens) : fixedBytes(tokens * chunk, chunk);
}

function echoOf(request: ChatRequest): string {
  const message = request.messages.findLast(({ role }) => role === "user");
  if (message === undefined) throw new ApiError(400, "The model echo needs a user message.", { param: "messages" });
  const seen = message.media.map((media) => `[${media}]`);
  return [message.text, ...seen].filter((line) => line !== "").join("\n");
}

function lastUserText(request: ChatRequest): string {
  return request.messages.findLast(({ role }) => role === "user")?.text ?? "";
}

const spoken = (said: string): Pieces => listed(piecesOf(said));
