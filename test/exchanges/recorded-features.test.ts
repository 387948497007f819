/** Renew what is committed, then the page: `npx vitest run test/exchanges/recorded-features.test.ts --update`. */
import { expect, test } from "vitest";
import { type Sight, sights } from "../../scripts/provider-table/answered.ts";
import { nameOf, type Row } from "../../scripts/provider-table/feature.ts";
import { dialectOf } from "../../scripts/provider-table/render.ts";
import { rows } from "../../scripts/provider-table/rows.ts";
import { decode, fold } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const dialects: Readonly<Record<string, string>> = {
  "openai.chat": "openai-chat",
  "openai.responses": "openai-responses",
  "anthropic.messages": "anthropic",
  "gemini.generateContent": "gemini",
  "bedrock.converse": "bedrock-converse",
  "cohere.v2.chat": "cohere",
  "ollama.chat": "ollama",
};

const exchanges = readExchanges();

function isOf({ dialectName, recorded: { folders, models } }: Row, { api, provider, model }: Exchange): boolean {
  const there = folders === "all" || folders.includes(provider);
  return dialects[api] === dialectName && there && (models === undefined || models.test(model ?? ""));
}

/** What recorded answers of a row had in them, in the table's words. */
async function featuresOf(row: Row): Promise<Sight[]> {
  const dialect = dialectOf(row);
  const found = new Set<Sight>();
  for (const exchange of exchanges.filter((one) => isOf(row, one))) {
    const decoded = decode(dialect, exchange, [exchange.body]);
    if (decoded.error !== undefined) continue;
    const answer = { response: await fold(decoded), streamed: exchange.stream };
    for (const sight of Object.keys(sights) as Sight[]) if (sights[sight](answer)) found.add(sight);
  }
  return (Object.keys(sights) as Sight[]).filter((sight) => found.has(sight));
}

test.skipIf(!available)("the table of providers knows what was recorded", async () => {
  const recorded: Record<string, readonly Sight[]> = {};
  for (const row of rows) recorded[nameOf(row)] = await featuresOf(row);
  await expect(`${JSON.stringify(recorded, null, 2)}\n`).toMatchFileSnapshot(
    "../../scripts/provider-table/recorded.json",
  );
});
