import { ApiError } from "./errors.ts";
import { describePart } from "./media.ts";

/** A chat completion request, as far as the simulator answers to it. */
export interface ChatRequest {
  /** The whole model name with its options. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  readonly tools: readonly Tool[];
  readonly toolChoice: "auto" | "none" | { readonly name: string };
  readonly parallelToolCalls: boolean;
  /** The schema of `response_format: json_schema`. */
  readonly jsonSchema: unknown;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  /** Not an answer is wanted, but vectors of its messages. */
  readonly embedding: EmbeddingWish | undefined;
}

/** What a request for vectors asks for. */
export interface EmbeddingWish {
  readonly inputs: readonly string[];
  readonly dimensions: number;
  readonly base64: boolean;
}

export interface ChatMessage {
  readonly role: string;
  /** The text parts, one a line. */
  readonly text: string;
  /** What the other parts are, e.g. `image: image/png, 68 bytes`. */
  readonly media: readonly string[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string }[];
  readonly toolCallId: string | undefined;
}

export interface Tool {
  readonly name: string;
  readonly parameters: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

const roles: ReadonlySet<string> = new Set(["system", "developer", "user", "assistant", "tool"]);

/** Throws an `ApiError` of status 400 that names the field at fault. */
export function parseChatRequest(body: unknown): ChatRequest {
  const fields = asFields(body, "body");
  if (typeof fields.model !== "string" || fields.model === "") throw invalid("model", "must be a non-empty string");
  if (given(fields.n) && fields.n !== 1) throw invalid("n", "must be 1: the simulator gives one choice");
  const messages = asList(fields.messages, "messages").map(parseMessage);
  if (messages.length === 0) throw invalid("messages", "must not be empty");
  const streamOptions = given(fields.stream_options) ? asFields(fields.stream_options, "stream_options") : {};
  const stream = asFlag(fields.stream, "stream", false);
  if (given(fields.stream_options) && !stream) throw invalid("stream_options", "is only allowed when stream is true");
  return {
    model: fields.model,
    messages,
    stream,
    includeUsage: asFlag(streamOptions.include_usage, "stream_options.include_usage", false),
    maxTokens: asCount(fields.max_completion_tokens ?? fields.max_tokens, "max_completion_tokens", 1),
    stop: parseStop(fields.stop),
    tools: given(fields.tools) ? asList(fields.tools, "tools").map(parseTool) : [],
    toolChoice: parseToolChoice(fields.tool_choice),
    parallelToolCalls: asFlag(fields.parallel_tool_calls, "parallel_tool_calls", true),
    jsonSchema: parseJsonSchema(fields.response_format),
    logprobs: asFlag(fields.logprobs, "logprobs", false),
    topLogprobs: asCount(fields.top_logprobs, "top_logprobs", 0) ?? 0,
    embedding: undefined,
  };
}

function parseMessage(value: unknown, index: number): ChatMessage {
  const at = `messages[${index}]`;
  const fields = asFields(value, at);
  if (typeof fields.role !== "string" || !roles.has(fields.role)) {
    throw invalid(`${at}.role`, `must be one of ${[...roles].join(", ")}`);
  }
  const { texts, media } = parseContent(fields.content, `${at}.content`);
  return {
    role: fields.role,
    text: texts.join("\n"),
    media,
    toolCalls: given(fields.tool_calls) ? asList(fields.tool_calls, `${at}.tool_calls`).map(parsePastCall) : [],
    toolCallId: typeof fields.tool_call_id === "string" ? fields.tool_call_id : undefined,
  };
}

function parseContent(content: unknown, at: string): { texts: string[]; media: string[] } {
  if (!given(content)) return { texts: [], media: [] };
  if (typeof content === "string") return { texts: [content], media: [] };
  const texts: string[] = [];
  const media: string[] = [];
  for (const [index, part] of asList(content, at).entries()) {
    const fields = asFields(part, `${at}[${index}]`);
    const said = fields.type === "refusal" ? fields.refusal : fields.text;
    if (fields.type === "text" || fields.type === "refusal") {
      if (typeof said !== "string") throw invalid(`${at}[${index}].${fields.type}`, "must be a string");
      texts.push(said);
      continue;
    }
    const seen = describePart(fields);
    if (seen === undefined) {
      throw invalid(`${at}[${index}]`, "must be a well-formed text, image_url, input_audio or file part");
    }
    media.push(seen);
  }
  return { texts, media };
}

function parsePastCall(value: unknown, index: number): { id: string; name: string } {
  const at = `tool_calls[${index}]`;
  const fields = asFields(value, at);
  const { name } = asFields(fields.function, `${at}.function`);
  if (typeof fields.id !== "string" || typeof name !== "string")
    throw invalid(at, "must have an id and a function name");
  return { id: fields.id, name };
}

function parseTool(value: unknown, index: number): Tool {
  const at = `tools[${index}]`;
  const { name, parameters } = asFields(asFields(value, at).function, `${at}.function`);
  if (typeof name !== "string" || name === "") throw invalid(`${at}.function.name`, "must be a non-empty string");
  return { name, parameters };
}

function parseToolChoice(value: unknown): ChatRequest["toolChoice"] {
  if (!given(value) || value === "auto" || value === "required") return "auto";
  if (value === "none") return "none";
  const { name } = asFields(asFields(value, "tool_choice").function, "tool_choice.function");
  if (typeof name !== "string") throw invalid("tool_choice.function.name", "must be a string");
  return { name };
}

function parseJsonSchema(value: unknown): unknown {
  if (!given(value)) return undefined;
  const format = asFields(value, "response_format");
  if (format.type !== "json_schema") return undefined;
  return asFields(format.json_schema, "response_format.json_schema").schema;
}

function parseStop(value: unknown): readonly string[] {
  if (!given(value)) return [];
  const list = typeof value === "string" ? [value] : asList(value, "stop");
  return list.map((word) => {
    if (typeof word !== "string" || word === "") throw invalid("stop", "must hold non-empty strings");
    return word;
  });
}

export const given = (value: unknown): boolean => value !== undefined && value !== null;

export function asFields(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(at, "must be an object");
  return value as Fields;
}

function asList(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(at, "must be an array");
  return value;
}

function asFlag(value: unknown, at: string, absent: boolean): boolean {
  if (!given(value)) return absent;
  if (typeof value !== "boolean") throw invalid(at, "must be a boolean");
  return value;
}

export function asCount(value: unknown, at: string, least: number): number | undefined {
  if (!given(value)) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least) {
    throw invalid(at, `must be a whole number of at least ${least}`);
  }
  return value;
}

export function invalid(param: string, problem: string): ApiError {
  return new ApiError(400, `Invalid '${param}': it ${problem}.`, { param });
}
