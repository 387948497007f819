import { FinishReason, type Message, type Part, Role } from "../domain/contract.ts";
import type { Batch } from "../domain/event.ts";
import { finishReasonName } from "./attributes.ts";

/**
 * Messages in the form of the GenAI conventions' content attributes, as JSON. Media is named, never recorded. What is
 * longer than `maxChars` is cut inside its texts, so that the JSON stays whole; parts after the cut are left out.
 */
export interface PromptContent {
  /** Undefined where there are none. */
  readonly systemInstructions: string | undefined;
  readonly inputMessages: string | undefined;
}

type ContentPart = Readonly<Record<string, unknown>> & { readonly type: string };

/** More parts than this are left out, however short they are. */
const MAX_PARTS = 1024;

/** What a recording may still take: characters of text, names and ids, and parts. */
class Room {
  #chars: number;
  #parts = MAX_PARTS;
  #cut = false;

  constructor(chars: number) {
    this.#chars = chars;
  }

  /** Whether another part fits; counts it. */
  opens(): boolean {
    return !this.#cut && this.#parts-- > 0;
  }

  take(text: string): string {
    if (this.#cut) return "";
    if (text.length <= this.#chars) {
      this.#chars -= text.length;
      return text;
    }
    this.#cut = true;
    // Half of a character that takes two is none.
    return `${text.slice(0, this.#chars).replace(/[\uD800-\uDBFF]$/, "")}…`;
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
    const recorded: ContentPart[] = [];
    for (const part of parts) if (room.opens()) recorded.push(toContentPart(part, room));
    if (recorded.length === 0) continue;
    if (role === Role.SYSTEM) system.push(...recorded);
    else input.push({ role: roleNames[role] ?? "user", parts: recorded });
  }
  return {
    systemInstructions: system.length === 0 ? undefined : JSON.stringify(system),
    inputMessages: input.length === 0 ? undefined : JSON.stringify(input),
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
      return { type: "tool_call", id: room.take(callId), name: room.take(name), arguments: room.take(argumentsJson) };
    }
    case "toolResult": {
      const id = room.take(content.value.callId);
      const texts = content.value.parts.map((part) =>
        part.content.case === "text" ? part.content.value : `[${part.content.case ?? "nothing"}]`,
      );
      return { type: "tool_call_response", id, response: room.take(texts.join("")) };
    }
    default:
      return { type: content.case ?? "nothing" };
  }
}

interface OpenPart {
  readonly type: "text" | "reasoning" | "tool_call" | "image" | "audio";
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
        if (block.case === undefined || !this.#room.opens()) continue;
        const part: OpenPart =
          block.case === "toolCall"
            ? {
                type: "tool_call",
                id: this.#room.take(block.value.callId),
                name: this.#room.take(block.value.name),
                text: "",
              }
            : { type: block.case, text: "" };
        this.#parts.set(index ?? 0, part);
      } else if (event.case === "blockDelta") {
        const part = this.#parts.get(event.value.index ?? 0);
        if (part !== undefined) part.text += this.#room.take(event.value.text);
      }
    }
  }

  /** Undefined where nothing was said. An answer without an end is one that failed. */
  toJson(finishReason: FinishReason | undefined): string | undefined {
    if (this.#parts.size === 0) return undefined;
    const parts = Array.from(this.#parts.values(), ({ type, id, name, text }) => {
      if (type === "image" || type === "audio") return { type };
      return type === "tool_call" ? { type, id, name, arguments: text } : { type, content: text };
    });
    return JSON.stringify([{ role: "assistant", parts, finish_reason: finishName(finishReason) }]);
  }
}

/** As the conventions' JSON schema spells it, which is not how their attribute does. */
function finishName(reason: FinishReason | undefined): string {
  if (reason === undefined) return "error";
  return reason === FinishReason.TOOL_CALLS ? "tool_call" : finishReasonName(reason);
}
