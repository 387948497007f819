import { type Message, type Part, Role, type ToolResult } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { asRecord, type JsonRecord, parseJson } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import { type Context, encodeContent } from "./encode-parts.ts";
import { findKept } from "./state.ts";
import type { WireContent, WirePart, WireRequestBody } from "./wire-types.ts";

/**
 * For calls that another provider made: generation 3 refuses a call without its signature, and takes this for one.
 * Source: "Thought signatures" in the Gemini API's docs, 2026-11.
 */
const STAND_IN_SIGNATURE = "skip_thought_signature_validator";

export interface MessageContext extends Context {
  /** Calls need signatures, and results of tools may hold media. */
  readonly generation3: boolean;
}

/** A call of the prompt: results are paired with it by name, by its id where the wire gave one, and by its place. */
interface KnownCall {
  readonly name: string;
  readonly wireId: string | undefined;
  readonly place: number;
}

type Calls = ReadonlyMap<string, KnownCall>;

/** The conversation. Instructions go into a field of their own, so that they can only come first. */
export function encodeMessages(
  messages: readonly Message[],
  context: MessageContext,
): Pick<WireRequestBody, "contents" | "systemInstruction"> {
  const calls = findCalls(messages);
  const instructions: WirePart[] = [];
  const contents: WireContent[] = [];
  let results: EncodedResult[] = [];
  const flush = (): void => {
    if (results.length > 0) contents.push({ role: "user", parts: arrange(results) });
    results = [];
  };
  messages.forEach((message, at) => {
    const field = `prompt.messages[${at}]`;
    if (message.role === Role.TOOL) {
      results.push(...message.parts.map((part, n) => encodeResult(part, `${field}.parts[${n}]`, calls, context)));
      return;
    }
    flush();
    if (message.role === Role.SYSTEM) {
      if (contents.length > 0) throw unsupported(field, context.target, "put system messages first");
      instructions.push(...encodeParts(message, field, context));
    } else if (message.role === Role.ASSISTANT) {
      const parts = encodeAnswer(message, field, context);
      if (parts.length > 0) contents.push({ role: "model", parts });
    } else {
      contents.push({ role: "user", parts: encodeParts(message, field, context) });
    }
  });
  flush();
  return { contents, ...(instructions.length === 0 ? {} : { systemInstruction: { parts: instructions } }) };
}

function findCalls(messages: readonly Message[]): Calls {
  const calls = new Map<string, KnownCall>();
  for (const part of messages.flatMap((message) => message.parts)) {
    if (part.content.case !== "toolCall") continue;
    const { callId, name } = part.content.value;
    calls.set(callId, { name, wireId: findKept(part)?.id, place: calls.size });
  }
  return calls;
}

function encodeParts(message: Message, field: string, context: Context): WirePart[] {
  return message.parts.map((part, n) => encodeContent(part.content, `${field}.parts[${n}]`, context));
}

/** An earlier answer, with what this dialect kept of it; other dialects' state is not for this one. */
function encodeAnswer(message: Message, field: string, context: MessageContext): WirePart[] {
  const signed = message.parts.some((part) => part.content.case === "toolCall" && findKept(part) !== undefined);
  let standIn = context.generation3 && !signed ? STAND_IN_SIGNATURE : undefined;
  return message.parts.flatMap((part, n) => {
    const kept = findKept(part);
    if (kept?.part !== undefined) return [kept.part];
    const encoded = encodeAnswerPart(part, `${field}.parts[${n}]`, kept?.id, context);
    if (encoded === undefined) return [];
    let signature = kept?.signature;
    if (part.content.case === "toolCall") {
      signature ??= standIn;
      standIn = undefined;
    }
    return [signature === undefined ? encoded : { ...encoded, thoughtSignature: signature }];
  });
}

function encodeAnswerPart(
  { content }: Part,
  field: string,
  wireId: string | undefined,
  context: Context,
): WirePart | undefined {
  switch (content.case) {
    case "reasoning": {
      // Another dialect's reasoning without words: only its own provider can read it.
      const { text } = content.value;
      return text === "" ? undefined : { text, thought: true };
    }
    case "toolCall": {
      const { name, argumentsJson } = content.value;
      const args = argumentsJson === "" ? undefined : asRecord(parseJson(argumentsJson));
      if (args === undefined && argumentsJson !== "") {
        throw unsupported(`${field}.tool_call.arguments_json`, context.target, "give a JSON object");
      }
      return {
        functionCall: {
          ...(wireId === undefined ? {} : { id: wireId }),
          name,
          ...(args === undefined ? {} : { args }),
        },
      };
    }
    default:
      return encodeContent(content, field, context);
  }
}

interface EncodedResult {
  readonly place: number;
  readonly response: WirePart;
  /** Media that the response itself cannot hold. */
  readonly beside: readonly WirePart[];
}

/** Calls without ids are told apart by their order, so results take theirs. */
function arrange(results: readonly EncodedResult[]): WirePart[] {
  const ordered = results.toSorted((a, b) => a.place - b.place);
  return [...ordered.map(({ response }) => response), ...ordered.flatMap(({ beside }) => beside)];
}

function encodeResult(part: Part, at: string, calls: Calls, context: MessageContext): EncodedResult {
  if (part.content.case !== "toolResult") throw unsupported(at, context.target);
  const result = part.content.value;
  const field = `${at}.tool_result`;
  const call = calls.get(result.callId);
  const name = result.name || call?.name;
  if (name === undefined) {
    throw invalidRequest([{ field: `${field}.name`, description: "is needed where the call is not in the prompt" }]);
  }
  const media = result.parts.flatMap((piece, n) =>
    piece.content.case === "text" ? [] : [encodeContent(piece.content, `${field}.parts[${n}]`, context)],
  );
  const inside = context.generation3 && media.length > 0;
  const functionResponse = {
    ...(call?.wireId === undefined ? {} : { id: call.wireId }),
    name,
    response: toResponse(result),
    ...(inside ? { parts: media } : {}),
  };
  return {
    place: call?.place ?? Number.POSITIVE_INFINITY,
    response: { functionResponse },
    beside: inside ? [] : media,
  };
}

/** The wire wants an object: a result that is one as JSON, or one of the two names that it knows. */
function toResponse({ parts, isError }: ToolResult): JsonRecord {
  const texts = parts.flatMap(({ content }) => (content.case === "text" ? [content.value] : []));
  const [first, second] = texts;
  const object = first === undefined || second !== undefined ? undefined : asRecord(parseJson(first));
  const value = object ?? (second === undefined ? (first ?? "") : texts);
  if (isError) return { error: value };
  return object ?? { output: value };
}
