import { Buffer } from "node:buffer";
import { type Citation, ErrorReason, ImageDetail } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { BlockWriter } from "../blocks.ts";
import { parseExactly } from "../exact-json.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";
import { readCitations, readSource } from "./sources.ts";
import { toState } from "./state.ts";

type Prose = "text" | "reasoning";

/** A text, a reasoning or a tool's arguments while they come. */
interface OpenPart {
  /** The block's number; undefined while there is nothing to show. */
  index: number | undefined;
  metadata: JsonRecord | undefined;
}

interface OpenTool extends OpenPart {
  /** Some of its arguments came in pieces. */
  begun: boolean;
  /** Its pieces are no JSON: the whole arguments come with the call. */
  readonly asText: boolean;
}

/** Parts that say no more than the others do, and that their package leaves out of the next turn (4.0.105, read 2026-11). */
const NOTES: ReadonlySet<unknown> = new Set(["anthropic.message_start"]);

/** Writes the content of an answer as blocks, part by part of the specification's stream. */
export class ContentWriter {
  readonly #blocks: BlockWriter;
  readonly #owner: string;
  readonly #mintCallId: () => string;
  readonly #prose = new Map<string, OpenPart>();
  readonly #tools = new Map<string, OpenTool>();
  /** Text that sources belong to: the last that was opened. */
  #text: number | undefined;
  /** Sources that came before any text. */
  #early: Citation[] = [];

  constructor(blocks: BlockWriter, owner: string, mintCallId: () => string) {
    this.#blocks = blocks;
    this.#owner = owner;
    this.#mintCallId = mintCallId;
  }

  /** Takes a part of content. Parts of other kinds have no effect. */
  push(part: JsonRecord): void {
    const id = asString(part.id) ?? "";
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        this.#begin(kindOf(part.type), id, part);
        return;
      case "text-delta":
      case "reasoning-delta":
        this.#add(kindOf(part.type), id, part);
        return;
      case "text-end":
      case "reasoning-end":
        this.#end(kindOf(part.type), id, part);
        return;
      case "tool-input-start":
        if (part.providerExecuted !== true) this.#beginTool(id, part);
        return;
      case "tool-input-delta":
        this.#addToTool(id, asString(part.delta) ?? "");
        return;
      case "tool-call":
        this.#toolCall(part);
        return;
      case "tool-result":
        // Preliminary ones are replaced by what follows.
        if (part.preliminary !== true) this.#opaque(toResultPart(part));
        return;
      case "tool-approval-request":
        throw new GatewayError(
          ErrorReason.FEATURE_UNSUPPORTED,
          "The model wants a tool that runs at the provider approved, which callers cannot do. Use tools without approval.",
        );
      case "source":
        this.#cite([readSource(part)]);
        return;
      case "file":
        this.#file(part);
        return;
      case "custom":
        if (!NOTES.has(part.kind)) this.#opaque(withOptions(part));
        return;
      case "reasoning-file":
        this.#opaque(withOptions(part));
    }
  }

  /** Nothing follows. */
  close(): void {
    for (const [key, part] of this.#prose) this.#endProse(key.startsWith("text") ? "text" : "reasoning", part);
    this.#prose.clear();
    if (this.#early.length > 0) this.#blocks.prose("text", "", undefined, this.#early);
    this.#blocks.closeAll();
  }

  #begin(kind: Prose, id: string, { providerMetadata }: JsonRecord): void {
    this.#prose.set(`${kind} ${id}`, { index: undefined, metadata: asRecord(providerMetadata) });
  }

  #add(kind: Prose, id: string, { delta, providerMetadata }: JsonRecord): void {
    const key = `${kind} ${id}`;
    if (!this.#prose.has(key)) this.#begin(kind, id, {});
    const part = this.#prose.get(key);
    if (part === undefined) return;
    part.metadata = asRecord(providerMetadata) ?? part.metadata;
    const text = asString(delta) ?? "";
    if (text === "") return;
    part.index ??= this.#open(kind);
    this.#blocks.add(part.index, text, undefined, kind === "text" ? this.#takeEarly() : undefined);
  }

  #end(kind: Prose, id: string, { providerMetadata, citations }: JsonRecord): void {
    const key = `${kind} ${id}`;
    const part = this.#prose.get(key);
    if (part === undefined) return;
    part.metadata = asRecord(providerMetadata) ?? part.metadata;
    const cited = readCitations(citations);
    if (cited.length > 0) {
      part.index ??= this.#open(kind);
      this.#blocks.add(part.index, "", undefined, cited);
    }
    this.#endProse(kind, part);
    this.#prose.delete(key);
  }

  /** Reasoning always has state, by which the package that gave it knows it; a text where there is something to say. */
  #endProse(kind: Prose, part: OpenPart): void {
    const { metadata } = part;
    if (metadata !== undefined) part.index ??= this.#open(kind);
    if (part.index === undefined) return;
    if (kind === "reasoning" || metadata !== undefined)
      this.#blocks.state(part.index, toState(this.#owner, { metadata }));
    this.#blocks.end(part.index);
    if (this.#text === part.index) this.#text = undefined;
  }

  #open(kind: Prose): number {
    const index = this.#blocks.begin(kind);
    if (kind === "text") this.#text = index;
    return index;
  }

  #beginTool(id: string, { toolName, inputEncoding, providerMetadata }: JsonRecord): OpenTool {
    const index = this.#blocks.tool(id || this.#mintCallId(), asString(toolName) ?? "");
    const tool = { index, begun: false, metadata: asRecord(providerMetadata), asText: inputEncoding === "text" };
    this.#tools.set(id, tool);
    return tool;
  }

  #addToTool(id: string, delta: string): void {
    const tool = this.#tools.get(id);
    if (tool?.index === undefined || tool.asText || delta === "") return;
    tool.begun = true;
    this.#blocks.toolArguments(tool.index, delta);
  }

  #toolCall(part: JsonRecord): void {
    if (part.providerExecuted === true) {
      this.#opaque({ ...withOptions(part), input: parseExactly(asString(part.input) ?? "") ?? part.input });
      return;
    }
    const id = asString(part.toolCallId) ?? "";
    const tool = this.#tools.get(id) ?? this.#beginTool(id, part);
    const input = asString(part.input) ?? "";
    if (tool.index === undefined) return;
    if (!tool.begun && input !== "") this.#blocks.toolArguments(tool.index, input);
    const metadata = asRecord(part.providerMetadata) ?? tool.metadata;
    if (metadata !== undefined) this.#blocks.state(tool.index, toState(this.#owner, { metadata }));
    this.#blocks.end(tool.index);
    this.#tools.delete(id);
  }

  #cite(citations: Citation[]): void {
    if (this.#text === undefined) this.#early.push(...citations);
    else this.#blocks.add(this.#text, "", undefined, citations);
  }

  #takeEarly(): Citation[] | undefined {
    if (this.#early.length === 0) return undefined;
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /** Pictures and sound are parts of their own; a document is kept for the next turn. */
  #file(part: JsonRecord): void {
    const mimeType = asString(part.mediaType) ?? "";
    const kind = mimeType.split("/", 1)[0];
    const source = readFile(part.data);
    if (source === undefined || (kind !== "image" && kind !== "audio")) {
      this.#opaque(withOptions(part));
      return;
    }
    const metadata = asRecord(part.providerMetadata);
    const state = metadata === undefined ? undefined : toState(this.#owner, { metadata });
    if (kind === "image") {
      const value = { $typeName: "sluice.v1.Image" as const, source, mimeType, detail: ImageDetail.UNSPECIFIED };
      this.#blocks.media({ case: "image", value }, state);
    } else {
      this.#blocks.media({ case: "audio", value: { $typeName: "sluice.v1.Audio", source, mimeType } }, state);
    }
  }

  /** What the contract has no part for but the next turn needs: reasoning without text, with the whole part as its state. */
  #opaque(part: JsonRecord): void {
    const index = this.#blocks.begin("reasoning");
    this.#blocks.state(index, toState(this.#owner, { part }));
    this.#blocks.end(index);
  }
}

function kindOf(type: string): Prose {
  return type.startsWith("text") ? "text" : "reasoning";
}

function readFile(value: unknown) {
  const data = asRecord(value);
  if (data?.type === "url") return { case: "uri" as const, value: String(data.url) };
  if (data?.data instanceof Uint8Array) return { case: "data" as const, value: data.data };
  const text = asString(data?.data);
  return text === undefined ? undefined : { case: "data" as const, value: new Uint8Array(Buffer.from(text, "base64")) };
}

/** A part of an answer as it goes back: what was metadata are options, and bytes are text, since state is JSON. */
function withOptions({ providerMetadata, data, ...part }: JsonRecord): JsonRecord {
  const file = asRecord(data);
  const bytes = file?.data;
  const base64 = bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64") : bytes;
  return {
    ...part,
    ...(file === undefined ? {} : { data: { ...file, ...(bytes === undefined ? {} : { data: base64 }) } }),
    ...(providerMetadata === undefined ? {} : { providerOptions: providerMetadata }),
  };
}

function toResultPart({ result, isError, ...part }: JsonRecord): JsonRecord {
  return { ...withOptions(part), output: { type: isError === true ? "error-json" : "json", value: result } };
}
