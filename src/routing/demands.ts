import { type File, type Part, type Prompt, ReasoningEffort, type ToolResult } from "../domain/contract.ts";
import type { Feature } from "../models/capabilities.ts";
import { countLeastTokens } from "./least-tokens.ts";

/** What a prompt asks of a model, besides reading and writing text. */
export interface Demands {
  /** With the contract's path of what asks for it first. */
  readonly features: ReadonlyMap<Feature, string>;
  readonly maxOutputTokens: number | undefined;
  /** Characters of what is said in messages. */
  readonly length: number;
  /** The fewest tokens that this can come to. Counted where it is asked for, once. */
  readonly leastTokens: () => number;
}

/** Reads what a prompt asks for. Less than a microsecond for a usual one. */
export function readDemands(prompt: Prompt): Demands {
  const reader = new Reader();
  const { messages, tools, responseFormat, reasoning, temperature, topP, topK } = prompt;
  for (let at = 0; at < messages.length; at++) {
    const parts = messages[at]?.parts ?? [];
    for (let n = 0; n < parts.length; n++) {
      const content = parts[n]?.content;
      // Nearly everything is text: it is read without a path.
      if (content?.case === "text") reader.addText(content.value);
      else if (content !== undefined) reader.addPart(content, at, n);
    }
  }
  if (tools.length > 0) reader.ask("tools", "prompt.tools");
  if (responseFormat?.format.case === "jsonSchema") reader.ask("structured_output", "prompt.response_format");
  if (reasoning !== undefined && reasons(reasoning.amount)) reader.ask("reasoning", "prompt.reasoning");
  // 1 is everybody's default, which also those take that let nobody choose.
  if (temperature !== undefined && temperature !== 1) reader.ask("sampling", "prompt.temperature");
  if (topP !== undefined && topP !== 1) reader.ask("sampling", "prompt.top_p");
  if (topK !== undefined) reader.ask("sampling", "prompt.top_k");
  const { features, length, texts } = reader;
  let counted: number | undefined;
  const leastTokens = (): number => {
    counted ??= countLeastTokens(texts);
    return counted;
  };
  return { features, length, leastTokens, maxOutputTokens: prompt.maxOutputTokens };
}

function reasons(amount: NonNullable<Prompt["reasoning"]>["amount"]): boolean {
  return amount.case === "effort" ? amount.value !== ReasoningEffort.NONE : (amount.value ?? 0) > 0;
}

class Reader {
  features: Map<Feature, string> = NOTHING;
  readonly texts: string[] = [];
  length = 0;

  addText(text: string): void {
    this.texts.push(text);
    this.length += text.length;
  }

  addPart(content: Part["content"], at: number, n: number): void {
    const path = `prompt.messages[${at}].parts[${n}]`;
    if (content.case === "toolCall") this.addText(content.value.argumentsJson);
    else if (content.case === "toolResult") this.#addResult(content.value, path);
    else this.#addMedia(content, path);
  }

  ask(feature: Feature, field: string): void {
    if (this.features === NOTHING) this.features = new Map();
    if (!this.features.has(feature)) this.features.set(feature, field);
  }

  #addResult({ parts }: ToolResult, path: string): void {
    for (const [n, { content }] of parts.entries()) {
      if (content.case === "text") this.addText(content.value);
      else this.#addMedia(content, `${path}.tool_result.parts[${n}]`);
    }
  }

  #addMedia(content: Part["content"] | ToolResult["parts"][number]["content"], path: string): void {
    if (content.case === "image") this.ask("image", `${path}.image`);
    if (content.case === "audio") this.ask("audio", `${path}.audio`);
    if (content.case === "file" && isPdf(content.value)) this.ask("pdf", `${path}.file`);
  }
}

/** Shared by all prompts that ask for nothing; never written to. */
const NOTHING: Map<Feature, string> = new Map();

function isPdf({ mimeType }: File): boolean {
  return mimeType.toLowerCase().startsWith("application/pdf");
}
