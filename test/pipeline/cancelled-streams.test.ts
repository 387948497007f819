/** What recorded streams of every dialect cost where they are left after each of their events. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { AttemptOutcome, ErrorReason, Role } from "../../src/domain/contract.ts";
import { Accounts } from "../../src/pipeline/account.ts";
import { Delivered } from "../../src/pipeline/delivered.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";
import type { Decoder } from "../../src/provider/dialect.ts";
import { findDialect } from "../../src/provider/registry.ts";
import type { Target } from "../../src/provider/upstream.ts";
import { frames } from "../exchanges/decode.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
import { createManualClock } from "./manual-clock.ts";

/** Dialects of the wires, and how many of their recorded streams are of models that have a price. */
const DIALECTS: readonly (readonly [api: string, dialect: string, priced: number])[] = [
  ["openai.chat", "openai-chat", 68],
  ["openai.responses", "openai-responses", 26],
  ["anthropic.messages", "anthropic", 30],
  ["gemini.generateContent", "gemini", 21],
  ["bedrock.converse", "bedrock-converse", 14],
  ["cohere.v2.chat", "cohere", 6],
  ["ollama.chat", "ollama", 7],
];

/** Folders of exchanges whose provider has another name in the catalogue. */
const PROVIDERS: Readonly<Record<string, string>> = {
  "azure-openai": "azure",
  bedrock: "aws",
  gemini: "google",
  vertex: "google",
  xai: "x-ai",
};

/** Nobody is paid for these servers: as if an operator had set a price for what they cost. */
const HOUSE = {
  provider: "ollama",
  model: "*",
  rates: { input: 1e9, output: 2e9 },
  discount: undefined,
  source: "house",
  sameAs: undefined,
};

const accounts = new Accounts(createPriceBook({ catalogue: loadCatalogue(), overrides: [HOUSE] }), createManualClock());
const messages = [{ role: Role.USER, parts: [{ content: { case: "text" as const, value: "Hello" } }] }];
const prompt = create(PromptSchema, { model: "m", messages });

function targetOf({ provider, model }: Exchange): Target {
  const parts = { name: provider, catalogueProvider: PROVIDERS[provider] ?? provider };
  return { provider: parts as Target["provider"], model: model || "m" };
}

/** The cost of a call that is cancelled with this delivered, nano-USD; undefined where nobody knows the price. */
function costOf(exchange: Exchange, delivered: Delivered, decoder?: Decoder): bigint | undefined {
  const { cost } = accounts.settle({
    target: targetOf(exchange),
    prompt,
    outcome: AttemptOutcome.CANCELLED,
    reason: ErrorReason.CANCELLED,
    status: 200,
    servedModel: "",
    usage: decoder?.usage,
    billed: decoder?.billed,
    usageIsFinal: decoder?.finishing === true,
    delivered,
  });
  return cost?.totalNanoUsd;
}

/** Whose last word is that nothing was used. */
const FREE = "openai/stream-max-tokens--gpt-4o--0bea1";

/** Some models are given away: those cost nothing, and are known to. */
function isPriced(exchange: Exchange): boolean {
  return (costOf(exchange, new Delivered()) ?? 0n) > 0n && !exchange.name.startsWith(FREE);
}

describe.skipIf(!available).each(DIALECTS)("%s", (api, name, count) => {
  const dialect = findDialect(undefined, name);
  if (dialect === undefined) throw new Error(`There is no dialect ${name}.`);
  const priced = readExchanges(api).filter((exchange) => {
    const { stream, status, body_format } = exchange;
    return stream && status === 200 && body_format !== "json" && exchange.expect.error === null && isPriced(exchange);
  });

  test("has streams of models with a price", () => {
    expect(priced.length).toBe(count);
  });

  test.each(priced)("$name costs something, after whichever event it is left", (exchange) => {
    const decoder = dialect.createDecoder({ model: exchange.model, whole: false, mintCallId: String });
    const delivered = new Delivered();
    expect(costOf(exchange, delivered, decoder)).toBeGreaterThan(0n);
    for (const frame of frames([exchange.body], dialect.framing)) {
      for (const event of decoder.push(frame)) {
        delivered.add([event]);
        expect(costOf(exchange, delivered, decoder)).toBeGreaterThan(0n);
      }
      expect(costOf(exchange, delivered, decoder)).toBeGreaterThan(0n);
    }
  });
});
