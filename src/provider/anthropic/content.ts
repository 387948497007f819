import type { Citation, ProviderState } from "../../domain/contract.ts";
import type { BlockWriter } from "../blocks.ts";
import { parseExactly } from "../exact-json.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";
import { readCitation } from "./extras.ts";
import { DIALECT, RESPONSE_TOOL } from "./wire-types.ts";

/** One block of the wire's content while it comes: begun whole or nearly empty, filled by deltas, ended. */
export interface ContentBlock {
  delta(delta: JsonRecord): void;
  end(): void;
}

/** Begins a block; what it says at once comes out at once. */
export function beginBlock(block: JsonRecord, writer: BlockWriter, mintCallId: () => string): ContentBlock {
  switch (block.type) {
    case "text":
      return beginText(block, writer);
    case "thinking":
      return beginThinking(block, writer);
    case "tool_use":
      return block.name === RESPONSE_TOOL ? beginResponse(block, writer) : beginTool(block, writer, mintCallId);
    default:
      return beginOpaque(block, writer);
  }
}

function beginText(block: JsonRecord, writer: BlockWriter): ContentBlock {
  const citations = [...asArray(block.citations)];
  const part = lazyText(writer);
  const write = (text: string, cited: readonly unknown[]): void => {
    if (text !== "" || cited.length > 0) part.add(text, cited.flatMap(readCitation));
  };
  write(asString(block.text) ?? "", citations);
  return {
    delta: (delta) => {
      if (delta.type === "text_delta") write(asString(delta.text) ?? "", []);
      if (delta.type !== "citations_delta") return;
      citations.push(delta.citation);
      write("", [delta.citation]);
    },
    // Citations of web pages hold an index that must come back with the text. Where there are none, text is enough.
    end: () => part.end(citations.length > 0 ? state({ citations }) : undefined),
  };
}

function beginThinking(block: JsonRecord, writer: BlockWriter): ContentBlock {
  let signature = asString(block.signature) ?? "";
  const index = writer.begin("reasoning");
  const write = (text: unknown): void => {
    if (typeof text === "string" && text !== "") writer.add(index, text);
  };
  write(block.thinking);
  return {
    delta: (delta) => {
      if (delta.type === "thinking_delta") write(delta.thinking);
      if (delta.type === "signature_delta") signature += asString(delta.signature) ?? "";
    },
    end: () => {
      writer.state(index, state({ type: "thinking", signature }));
      writer.end(index);
    },
  };
}

/** A text that is a part only if something is added to it. */
function lazyText(writer: BlockWriter) {
  let index: number | undefined;
  return {
    add: (text: string, citations?: Citation[]): void => {
      index ??= writer.begin("text");
      writer.add(index, text, undefined, citations);
    },
    end: (own?: ProviderState): void => {
      if (index === undefined) return;
      if (own !== undefined) writer.state(index, own);
      writer.end(index);
    },
  };
}

function beginTool(block: JsonRecord, writer: BlockWriter, mintCallId: () => string): ContentBlock {
  const { type: _type, id, name, input, ...rest } = block;
  const index = writer.tool(asString(id) || mintCallId(), asString(name) ?? "");
  // That the model itself is the caller goes without saying, and not every platform takes the field back.
  const { caller, ...others } = rest;
  const extras = asRecord(caller)?.type === "direct" ? others : rest;
  if (Object.keys(extras).length > 0) writer.state(index, state(extras));
  const json = beginJson(input, (text) => writer.toolArguments(index, text));
  return {
    delta: (delta) => json.delta(delta),
    end: () => {
      json.end();
      writer.end(index);
    },
  };
}

function beginResponse(block: JsonRecord, writer: BlockWriter): ContentBlock {
  const part = lazyText(writer);
  const json = beginJson(block.input, (text) => part.add(text));
  return {
    delta: (delta) => json.delta(delta),
    end: () => {
      json.end();
      part.end();
    },
  };
}

/** A tool's arguments: in pieces of their text, or whole in the block's beginning. */
function beginJson(input: unknown, write: (text: string) => void): ContentBlock {
  let empty = true;
  return {
    delta: (delta) => {
      const text = asString(delta.partial_json) ?? "";
      if (text === "") return;
      empty = false;
      write(text);
    },
    // A tool without arguments has no deltas, in a stream too (recorded exchanges, 2026-11).
    end: () => {
      if (empty) write(JSON.stringify(input ?? {}));
    },
  };
}

/**
 * What the contract has no part for but the next turn needs: hidden thinking, tools that ran at the provider and their
 * results, summaries of the conversation. Comes out as reasoning without text, with the whole block as its state.
 */
function beginOpaque(begun: JsonRecord, writer: BlockWriter): ContentBlock {
  const block: Record<string, unknown> = { ...begun };
  let json = "";
  return {
    delta: ({ type: _type, partial_json, ...fields }) => {
      json += asString(partial_json) ?? "";
      for (const [name, value] of Object.entries(fields)) {
        const before = block[name];
        block[name] = typeof before === "string" && typeof value === "string" ? before + value : value;
      }
    },
    end: () => {
      if (json !== "") block.input = parseExactly(json) ?? block.input;
      const index = writer.begin("reasoning");
      writer.state(index, state(block));
      writer.end(index);
    },
  };
}

function state(data: JsonRecord): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id: "", data: JSON.stringify(data) };
}
