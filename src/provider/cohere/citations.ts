import type { Citation, TokenLogprob } from "../../domain/contract.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";

/**
 * Reads one citation: as many as it has sources, each with the place in `text` (the answer's part as far as it has come).
 * A document without an address is named by its id. The source's whole text is its quote: Cohere does not say which
 * words of it count.
 */
export function readCitation(value: unknown, text: string): Citation[] {
  const cited = asRecord(value);
  if (cited === undefined) return [];
  const place = findPlace(cited, text);
  const sources = asArray(cited.sources).map((source) => asRecord(source) ?? {});
  if (sources.length === 0) return [{ $typeName: "sluice.v1.Citation", uri: "", title: "", quote: "", ...place }];
  return sources.map((source) => ({ $typeName: "sluice.v1.Citation", ...readSource(source), ...place }));
}

/** A document of the request, or what a tool said. */
function readSource(source: JsonRecord): Pick<Citation, "uri" | "title" | "quote"> {
  const said = asRecord(source.document) ?? asRecord(source.tool_output) ?? {};
  return {
    uri: asString(said.url) ?? asString(said.uri) ?? asString(source.id) ?? "",
    title: asString(said.title) ?? "",
    quote: asString(said.text) ?? asString(said.snippet) ?? asString(said.content) ?? "",
  };
}

/**
 * The place in UTF-16 units. Whether Cohere counts those or whole characters is not documented; the cited words tell
 * where it makes a difference.
 */
function findPlace(cited: JsonRecord, text: string): Pick<Citation, "startIndex" | "endIndex"> {
  const start = asCount(cited.start);
  const end = asCount(cited.end);
  const words = asString(cited.text);
  if (start === undefined || end === undefined) return {};
  if (words === undefined || text.slice(start, end) === words) return { startIndex: start, endIndex: end };
  const characters = Array.from(text);
  if (characters.slice(start, end).join("") !== words) return { startIndex: start, endIndex: end };
  const startIndex = characters.slice(0, start).join("").length;
  return { startIndex, endIndex: startIndex + words.length };
}

/**
 * Log probabilities of a piece of text, or of all pieces. A piece may be of several tokens, whose texts are not told
 * apart: the first token has it all.
 */
export function readLogprobs(value: unknown): TokenLogprob[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).flatMap((item) => {
    const piece = asRecord(item);
    return asArray(piece?.logprobs)
      .filter((logprob) => typeof logprob === "number")
      .map((logprob, at) => ({
        $typeName: "sluice.v1.TokenLogprob" as const,
        token: at === 0 ? (asString(piece?.text) ?? "") : "",
        logprob,
        bytes: new Uint8Array(),
        top: [],
      }));
  });
}
