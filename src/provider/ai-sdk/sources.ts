import type { Citation } from "../../domain/contract.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";

/** A source of the answer: a page, or a document of the prompt. Packages put what is quoted of it into its metadata. */
export function readSource(source: JsonRecord): Citation {
  const own = Object.values(asRecord(source.providerMetadata) ?? {}).map((said) => asString(asRecord(said)?.citedText));
  return {
    $typeName: "sluice.v1.Citation",
    uri: asString(source.url) ?? asString(source.filename) ?? "",
    title: asString(source.title) ?? "",
    quote: own.find((text) => text !== undefined) ?? "",
  };
}

/** Citations that come with a text. */
export function readCitations(citations: unknown): Citation[] {
  return asArray(citations).flatMap((item) => {
    const cited = asRecord(item);
    const source = asRecord(cited?.source);
    if (cited === undefined || source === undefined) return [];
    const read = readSource(source);
    const start = asCount(cited.startIndex);
    const end = asCount(cited.endIndex);
    return [
      {
        ...read,
        quote: asString(cited.citedText) ?? read.quote,
        ...(start === undefined ? {} : { startIndex: start }),
        ...(end === undefined ? {} : { endIndex: end }),
      },
    ];
  });
}
