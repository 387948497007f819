import { type Answer, logprobOf, usageFields } from "./answers.ts";
import { each, type Pieces } from "./tokens.ts";

/** What every chunk of a completion repeats. */
export interface Envelope {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly includeUsage: boolean;
}

const fingerprint = '"system_fingerprint":"fp_simulator"';

/** The JSON of a unary answer, in parts: a large content is never held whole. */
export function* completionParts(envelope: Envelope, answer: Answer): Generator<string> {
  yield `${opening(envelope, "chat.completion")},"choices":[{"index":0,"message":{"role":"assistant","content":`;
  yield* stringParts(answer.content);
  yield ',"refusal":';
  yield* stringParts(answer.refusal);
  if (answer.reasoning.count > 0) {
    yield `,"${answer.reasoningField}":`;
    yield* stringParts(answer.reasoning);
  }
  if (answer.toolCalls.length > 0) {
    const calls = answer.toolCalls.map(({ id, name, arguments: pieces }) => ({
      id,
      type: "function",
      function: { name, arguments: [...each(pieces)].join("") },
    }));
    yield `,"tool_calls":${JSON.stringify(calls)}`;
  }
  yield ',"annotations":[]},"logprobs":';
  yield* logprobParts(answer);
  yield `,"finish_reason":"${answer.finish}"}],"usage":${JSON.stringify(usageFields(answer.usage))}}`;
}

/** The JSON of each chunk of a streamed answer, in order; `[DONE]` is not among them. */
export function* chunkPayloads(envelope: Envelope, answer: Answer): Generator<string> {
  const chunks = chunkWriter(envelope);
  const first = answer.toolCalls.length > 0 || answer.refusal.count > 0 ? "null" : '""';
  yield chunks.delta(`{"role":"assistant","content":${first},"refusal":null}`);
  for (const piece of each(answer.reasoning)) yield chunks.text(answer.reasoningField, piece);
  for (const piece of each(answer.content)) {
    yield answer.topLogprobs === undefined
      ? chunks.text("content", piece)
      : chunks.delta(
          `{"content":${JSON.stringify(piece)}}`,
          JSON.stringify({ content: [logprobOf(piece, answer.topLogprobs)], refusal: null }),
        );
  }
  for (const piece of each(answer.refusal)) yield chunks.text("refusal", piece);
  for (const [index, { id, name, arguments: pieces }] of answer.toolCalls.entries()) {
    const start = { index, id, type: "function", function: { name, arguments: "" } };
    yield chunks.delta(`{"tool_calls":[${JSON.stringify(start)}]}`);
    for (const piece of each(pieces)) {
      yield chunks.delta(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(piece)}}}]}`);
    }
  }
  yield chunks.finish(answer.finish);
  if (envelope.includeUsage) yield chunks.usage(answer);
}

/** Writes the kinds of chunk. `textOpening` and `textClosing` are what stands around the JSON text of a content delta. */
export function chunkWriter(envelope: Envelope) {
  const head = opening(envelope, "chat.completion.chunk");
  const tail = envelope.includeUsage ? ',"usage":null}' : "}";
  const deltaHead = `${head},"choices":[{"index":0,"delta":`;
  const textClosing = `},"logprobs":null,"finish_reason":null}]${tail}`;
  const delta = (json: string, logprobs = "null") =>
    `${deltaHead}${json},"logprobs":${logprobs},"finish_reason":null}]${tail}`;
  return {
    delta,
    text: (field: string, piece: string) => `${deltaHead}{"${field}":${JSON.stringify(piece)}${textClosing}`,
    textOpening: `${deltaHead}{"content":`,
    textClosing,
    finish: (reason: string) => `${deltaHead}{},"logprobs":null,"finish_reason":"${reason}"}]${tail}`,
    usage: (answer: Answer) => `${head},"choices":[],"usage":${JSON.stringify(usageFields(answer.usage))}}`,
  };
}

function opening({ id, created, model }: Envelope, object: string): string {
  return `{"id":"${id}","object":"${object}","created":${created},"model":${JSON.stringify(model)},${fingerprint}`;
}

function* stringParts(pieces: Pieces): Generator<string> {
  if (pieces.count === 0) {
    yield "null";
    return;
  }
  yield '"';
  for (const piece of each(pieces)) yield JSON.stringify(piece).slice(1, -1);
  yield '"';
}

function* logprobParts({ topLogprobs, content }: Answer): Generator<string> {
  if (topLogprobs === undefined) {
    yield "null";
    return;
  }
  yield '{"content":[';
  for (let index = 0; index < content.count; index++) {
    yield `${index > 0 ? "," : ""}${JSON.stringify(logprobOf(content.at(index), topLogprobs))}`;
  }
  yield '],"refusal":null}';
}
