/** What the catalogue says that models cannot, beside recorded exchanges in which they could. */
import { describe, expect, test } from "vitest";
import type { Feature } from "../../src/models/capabilities.ts";
import { loadModelCatalogue } from "../../src/models/catalogue.ts";
import { CATALOGUE_PROVIDERS } from "../../src/models/catalogue-providers.ts";
import { resolve } from "../../src/models/look-up.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";

const catalogue = loadModelCatalogue();

/** What in a request of any of the APIs asks for a feature, as JSON text. */
const MARKS: readonly (readonly [feature: Feature, mark: RegExp])[] = [
  ["image", /"type":"(image_url|input_image|image)"|"(mimeType|media_type)":"image|"image":\{/],
  ["audio", /"type":"input_audio"|"mimeType":"audio/],
  ["pdf", /application\/pdf/],
  ["tools", /"tools":\[\{("type":"function"|"name"|"functionDeclarations")|"toolSpec"/],
  ["structured_output", /"type":"json_schema"|"response(Json)?Schema"/],
  ["reasoning", /"reasoning_effort":"(?!none)|"type":"enabled"|"thinkingBudget":[1-9]/],
  ["sampling", /"temperature":0|"top_k":/],
];

const LIMITS = /"(?:max_tokens|max_completion_tokens|max_output_tokens|maxOutputTokens|maxTokens)":(\d+)/;

function capabilitiesOf({ provider, model }: Exchange) {
  const known = CATALOGUE_PROVIDERS[provider];
  return known === undefined ? undefined : resolve(catalogue, known, model ?? "");
}

describe.skipIf(!available)("of models that answered", () => {
  const answered = readExchanges().flatMap((exchange) => {
    const capabilities = capabilitiesOf(exchange);
    const { status, request } = exchange;
    if (status !== 200 || request === null || capabilities === undefined) return [];
    return [{ name: exchange.name, request: JSON.stringify(request), capabilities }];
  });

  test("many are in the catalogue", () => {
    expect(answered.length).toBeGreaterThan(300);
  });

  test("none would have been refused what it did", () => {
    const refused = answered.flatMap(({ name, request, capabilities }) =>
      MARKS.filter(([feature, mark]) => capabilities.cannot.has(feature) && mark.test(request)).map(
        ([feature]) => `${name}: ${feature}`,
      ),
    );
    expect(refused).toEqual([]);
  });

  test("none would have been refused the length of its answer", () => {
    const refused = answered.filter(({ request, capabilities }) => {
      const limit = Number(LIMITS.exec(request)?.[1] ?? 0);
      return limit > (capabilities.maxOutputTokens ?? Number.POSITIVE_INFINITY);
    });
    expect(refused.map(({ name }) => name)).toEqual([]);
  });
});
