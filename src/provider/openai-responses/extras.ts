import { Buffer } from "node:buffer";
import type { Citation } from "../../domain/contract.ts";
import type { BlockKind } from "../../domain/event.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";

/** Annotations of a text: pages by their address, files by their id. Kinds unknown here have neither: left out. */
export function readCitations(annotations: unknown): Citation[] {
  return asArray(annotations).flatMap((item) => {
    const cited = asRecord(item);
    const uri = asString(cited?.url) ?? asString(cited?.file_id);
    if (cited === undefined || uri === undefined) return [];
    const start = asCount(cited.start_index);
    const end = asCount(cited.end_index);
    return [
      {
        $typeName: "sluice.v1.Citation",
        uri,
        title: asString(cited.title) ?? asString(cited.filename) ?? "",
        quote: "",
        ...(start === undefined ? {} : { startIndex: start }),
        ...(end === undefined ? {} : { endIndex: end }),
      },
    ];
  });
}

export const PICTURE_ITEM = "image_generation_call";

/** A picture that a hosted tool made; undefined for other items, and where it made none. */
export function readPicture({ type, result, output_format: format }: JsonRecord): BlockKind | undefined {
  const data = asString(result) ?? "";
  if (type !== PICTURE_ITEM || data === "") return undefined;
  const source = { case: "data", value: Buffer.from(data, "base64") } as const;
  const mimeType = `image/${asString(format) || "png"}`;
  return { case: "image", value: { $typeName: "sluice.v1.Image", source, mimeType, detail: 0 } };
}

/** Fields of a response beyond the common form that callers may want to see, in the wire's own words. */
const METADATA_FIELDS = [
  "service_tier",
  "content_filters",
  "moderation",
  "tool_usage",
  "citations",
  "provider",
] as const;

/** Of its usage, what is no count of tokens: hosted tools, and prices where the provider says them (xAI, OpenRouter). */
const USAGE_FIELDS = [
  "cost",
  "cost_details",
  "cost_in_usd_ticks",
  "num_sources_used",
  "num_server_side_tools_used",
  "server_side_tool_usage_details",
] as const;

/** Undefined where there is nothing to say. */
export function readMetadata(response: JsonRecord): JsonRecord | undefined {
  const metadata = pick(response, METADATA_FIELDS);
  const usage = pick(asRecord(response.usage) ?? {}, USAGE_FIELDS);
  return usage === undefined ? metadata : { ...metadata, usage };
}

function pick(record: JsonRecord, fields: readonly string[]): JsonRecord | undefined {
  const found = fields.filter((field) => record[field] !== undefined && record[field] !== null);
  return found.length === 0 ? undefined : Object.fromEntries(found.map((field) => [field, record[field]]));
}
