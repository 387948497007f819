import type { Citation } from "../../domain/contract.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";

/** A citation of any kind: of a web page, a search result, or a place in a document of the prompt. */
export function readCitation(value: unknown): Citation[] {
  const cited = asRecord(value);
  if (cited === undefined) return [];
  return [
    {
      $typeName: "sluice.v1.Citation",
      uri: asString(cited.url) ?? asString(cited.source) ?? "",
      title: asString(cited.title) ?? asString(cited.document_title) ?? "",
      quote: asString(cited.cited_text) ?? "",
    },
  ];
}

/** Fields beyond the common form that callers may want to see, in the wire's own words. */
const MESSAGE_FIELDS = ["stop_sequence", "stop_details", "container", "context_management"] as const;
const USAGE_FIELDS = ["service_tier", "server_tool_use", "inference_geo", "speed", "iterations"] as const;

export class MetadataReader {
  #metadata: Record<string, unknown> | undefined;

  get metadata(): Record<string, unknown> | undefined {
    return this.#metadata;
  }

  message(message: JsonRecord): void {
    this.#pick(message, MESSAGE_FIELDS);
  }

  usage(usage: JsonRecord): void {
    this.#pick(usage, USAGE_FIELDS);
  }

  #pick(from: JsonRecord, fields: readonly string[]): void {
    for (const field of fields) {
      const value = from[field];
      if (value === undefined || value === null) continue;
      this.#metadata ??= {};
      this.#metadata[field] = value;
    }
  }
}
