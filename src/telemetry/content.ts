import type { Message, Part } from "../domain/contract.ts";
import { Role } from "../domain/contract.ts";
import type { Batch } from "../domain/event.ts";

/**
 * Messages in the form of the GenAI conventions' content attributes, as JSON. Media is named, never recorded. What is
 * longer than `maxChars` is cut, text by text, so that the JSON stays whole.
 */
export interface PromptContent {
  readonly systemInstructions: string | undefined;
  readonly inputMessages: string;
}

type ContentPart = Readonly<Record<string, unknown>> & { readonly type: string };

/** What a recording may still take, in characters. */
class Room {
  #left: number;

  constructor(chars: number) {
    this.#left = chars;
  }

  take(text: string): string {
    const taken = text.length <= this.#left ? text : `${text.slice(0, this.#left).toWellFormed()}…`;
    this.#left = Math.max(0, this.#left - text.length);
    return taken;
  }
}

const roleNames: Readonly<Record<number, string>> = {
  [Role.SYSTEM]: "system",
  [Role.USER]: "user",
  [Role.ASSISTANT]: "assistant",
  [Role.TOOL]: "tool",
};

export function recordPrompt(messages: readonly Message[], maxChars: number): PromptContent {
  const room = new Room(maxChars);
  const system: ContentPart[] = [];
  const input: { role: string; parts: ContentPart[] }[] = [];
  for (const { role, parts } of messages) {
    const recorded = parts.map((part) => toContentPart(part, room));
    if (role === Role.SYSTEM) system.push(...recorded);
    else input.push({ role: roleNames[role] ?? "user", parts: recorded });
  }
  return {
    systemInstructions: system.length === 0 ? undefined : JSON.stringify(system),
    inputMessages: JSON.stringify(input),
  };
}

function toContentPart({ content }: Part, room: Room): ContentPart {
  switch (content.case) {
    case "text":
      return { type: "text", content: room.take(content.value) };
    case "reasoning":
      return { type: "reasoning", content: room.take(content.value.text) };
    case "toolCall": {
      const { callId, name, argumentsJson } = content.value;
      return { type: "tool_call", id: callId, name, arguments: room.take(argumentsJson) };
    }
    case "toolResult": {
      const texts = content.value.parts.map((part) =>
        part.content.case === "text" ? part.content.value : `[${part.content.case ?? "nothing"}]`,
      );
      return { type: "tool_call_response", id: content.value.callId, response: room.take(texts.join("")) };
    }
    default:
      return { type: content.case ?? "nothing" };
  }
}

interface OpenPart {
  readonly type: "text" | "reasoning" | "tool_call";
  readonly id?: string;
  readonly name?: string;
  text: string;
}

/** Gathers an answer as it comes, up to its limit. */
export class AnswerContent {
  readonly #room: Room;
  readonly #parts = new Map<number, OpenPart>();

  constructor(maxChars: number) {
    this.#room = new Room(maxChars);
  }

  add(events: Batch): void {
    for (const event of events) {
      if (event.case === "blockStart") {
        const { block, index } = event.value;
        if (block.case === undefined) continue;
        const part: OpenPart =
          block.case === "toolCall"
            ? { type: "tool_call", id: block.value.callId, name: block.value.name, text: "" }
            : { type: block.case, text: "" };
        this.#parts.set(index ?? 0, part);
      } else if (event.case === "blockDelta") {
        const part = this.#parts.get(event.value.index ?? 0);
        if (part !== undefined) part.text += this.#room.take(event.value.text);
      }
    }
  }

  toJson(finishReason: string | undefined): string {
    const parts = Array.from(this.#parts.values(), ({ type, id, name, text }) =>
      type === "tool_call" ? { type, id, name, arguments: text } : { type, content: text },
    );
    return JSON.stringify([{ role: "assistant", parts, finish_reason: finishReason }]);
  }
}
