import { Buffer } from "node:buffer";
import type { Citation, TokenLogprob } from "../../domain/contract.ts";
import type { BlockKind } from "../../domain/event.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";
import { readToken } from "../openai-logprobs.ts";

/** Log probabilities: OpenAI's list of tokens, or Together's parallel lists. */
export function readLogprobs(value: unknown): TokenLogprob[] {
  const logprobs = asRecord(value);
  if (logprobs === undefined) return [];
  const tokens = asArray(logprobs.content).concat(asArray(logprobs.refusal));
  if (tokens.length > 0) return tokens.map(readToken);
  const values = asArray(logprobs.token_logprobs);
  return asArray(logprobs.tokens).map((token, at) => readToken({ token, logprob: values[at] }));
}

/** Pictures that the model made, by OpenRouter and gateways like it: their bytes in an address, or where they are. */
export function readImages(value: unknown): BlockKind[] {
  return asArray(value).flatMap((item): BlockKind[] => {
    const url = asString(asRecord(asRecord(item)?.image_url)?.url);
    if (url === undefined) return [];
    const [, mimeType = "", data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
    const source =
      data === undefined
        ? ({ case: "uri", value: url } as const)
        : ({ case: "data", value: Buffer.from(data, "base64") } as const);
    return [{ case: "image", value: { $typeName: "sluice.v1.Image", source, mimeType, detail: 0 } }];
  });
}

/** `annotations` of a message: the pages that a search model cites. */
export function readCitations(annotations: unknown): Citation[] {
  return asArray(annotations).flatMap((item) => {
    const cited = asRecord(asRecord(item)?.url_citation);
    if (cited === undefined) return [];
    const start = asCount(cited.start_index);
    const end = asCount(cited.end_index);
    return [
      {
        ...citation(asString(cited.url), asString(cited.title), asString(cited.content)),
        ...(start === undefined ? {} : { startIndex: start }),
        ...(end === undefined ? {} : { endIndex: end }),
      },
    ];
  });
}

/** Perplexity's sources of the whole answer: pages, or their addresses alone. */
export function readSearchResults(value: unknown): Citation[] {
  return asArray(value).flatMap((item) => {
    const page = asRecord(item);
    const uri = asString(item) ?? asString(page?.url);
    return uri === undefined ? [] : [citation(uri, asString(page?.title), asString(page?.snippet))];
  });
}

function citation(uri: string | undefined, title: string | undefined, quote: string | undefined): Citation {
  return { $typeName: "sluice.v1.Citation", uri: uri ?? "", title: title ?? "", quote: quote ?? "" };
}

/** Fields beyond the common form that callers may want to see, in the wire's own words. The last value stands. */
const METADATA_FIELDS = [
  "service_tier",
  "system_fingerprint",
  "prompt_filter_results",
  "provider",
  "executed_tools",
] as const;

/** What a chunk adds to the metadata seen so far; the same object where it adds nothing. */
export function readMetadata(
  chunk: JsonRecord,
  seen: Record<string, unknown> | undefined,
): Record<string, unknown> | undefined {
  let metadata = seen;
  for (const field of METADATA_FIELDS) {
    const value = chunk[field];
    if (value === undefined || value === null || metadata?.[field] === value) continue;
    metadata ??= {};
    metadata[field] = value;
  }
  const filter = asRecord(asRecord(asArray(chunk.choices)[0])?.content_filter_results);
  if (filter !== undefined && Object.keys(filter).length > 0) {
    metadata ??= {};
    metadata.content_filter_results = filter;
  }
  return metadata;
}
