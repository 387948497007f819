import type { Citation } from "../../domain/contract.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";

/** One citation, whole or a delta: they have the same fields. */
export function readCitation(value: unknown): Citation | undefined {
  const cited = asRecord(value);
  if (cited === undefined) return undefined;
  const web = asRecord(asRecord(cited.location)?.web);
  const quoted = asArray(cited.sourceContent).map((piece) => asString(asRecord(piece)?.text) ?? "");
  return {
    $typeName: "sluice.v1.Citation",
    uri: asString(web?.url) ?? asString(cited.source) ?? "",
    title: asString(cited.title) ?? asString(web?.domain) ?? "",
    quote: quoted.join(""),
  };
}

/** What an answer says beyond the common form: of a whole body, of `messageStop`, of `metadata`. */
const METADATA_FIELDS = ["trace", "additionalModelResponseFields", "performanceConfig", "serviceTier"] as const;

/** What a message adds to the metadata seen so far. */
export function readMetadata(message: JsonRecord, seen: JsonRecord | undefined): JsonRecord | undefined {
  let metadata = seen;
  for (const field of METADATA_FIELDS) {
    const value = message[field];
    if (value !== undefined && value !== null) metadata = { ...metadata, [field]: value };
  }
  return metadata;
}

/** The model that a prompt router chose. */
export function routedModel(metadata: JsonRecord | undefined): string | undefined {
  return asString(asRecord(asRecord(metadata?.trace)?.promptRouter)?.invokedModelId);
}

/** Base64 in pieces, each padded for itself, as one. */
export function joinBase64(first: string, second: string): string {
  if (first === "") return second;
  return Buffer.concat([Buffer.from(first, "base64"), Buffer.from(second, "base64")]).toString("base64");
}
