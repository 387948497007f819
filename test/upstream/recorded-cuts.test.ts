/** Recorded streams that break off after each of their events, and another target that knows how they go on. */
import { describe, expect, test } from "vitest";
import { OnStreamFailure } from "../../src/domain/contract.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
import { follow, restarts } from "./follow.ts";
import { play, tell } from "./known-text.ts";
import { answerWith } from "./raw.ts";
import { PATIENT_LIMITS, serve } from "./support.ts";

/** Streams of text, some of them with reasoning before it. */
const NAMES = new Set([
  "anthropic/stream-max-tokens--claude-haiku-4-5--c9ab870",
  "anthropic/stop-sequence--claude-haiku-4-5-20251001--8efb323",
  "mistral/stream-reasoning--mistral-small-latest--79ea4e5",
  "mistral/stream-max-tokens--ministral-3b-latest--485432c",
  "ollama/stream-max-tokens--gemma3-1b--23eda11",
]);
const exchanges = readExchanges().filter(({ name }) => NAMES.has(name));

const WISHES = [
  ["continues", OnStreamFailure.CONTINUE],
  ["restarts", OnStreamFailure.CONTINUE],
  ["continues", OnStreamFailure.RESTART],
] as const;

const presets: Readonly<Record<string, string>> = {
  anthropic: "anthropic",
  mistral: "mistral",
  ollama: "ollama-native",
};

function eventsOf({ body, body_format }: Exchange): string[] {
  const end = body_format === "ndjson" ? "\n" : "\n\n";
  return body
    .toString("utf8")
    .split(end)
    .filter((event) => event.trim() !== "")
    .map((event) => event + end);
}

describe.skipIf(!available)("recorded streams", () => {
  test("are there", () => {
    expect(exchanges.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
  });

  test.each(exchanges)(
    "$name is whole, wherever it is cut",
    async (exchange) => {
      const events = eventsOf(exchange);
      const text = exchange.expect.text ?? "";
      let limit = 0;
      const contentType = exchange.body_format === "ndjson" ? "application/x-ndjson" : "text/event-stream";
      const { port } = await answerWith((_, response) => void play(response, contentType, events, limit));
      const known = await tell({ text, size: 24 });
      const gateway = await serve(
        {
          providers: {
            recorded: { dialect: "", preset: presets[exchange.provider], base_url: `http://127.0.0.1:${port}` },
            vllm: { dialect: "", preset: "vllm", base_url: known.url },
            other: { dialect: "openai-chat", base_url: known.url },
          },
          models: {
            continues: [`recorded/${exchange.model}`, "vllm/any"],
            restarts: [`recorded/${exchange.model}`, "other/any"],
          },
          limits: PATIENT_LIMITS,
          retry: { base_delay: "0.001s", max_delay: "0.002s", budget_per_second: 1000 },
        },
        { environment: { ANTHROPIC_API_KEY: "a", MISTRAL_API_KEY: "m" } },
      );
      let anew = 0;
      for (limit = 0; limit < events.length; limit++) {
        for (const [model, wish] of WISHES) {
          const followed = await follow(gateway, model, wish);
          expect([limit, model, followed.code, followed.text]).toEqual([limit, model, "OK", text]);
          anew += restarts(followed);
        }
      }
      const continued = known.asked.filter((body) => body.continue_final_message === true).length;
      expect([continued > 0, anew > 0]).toEqual([true, true]);
    },
    60_000,
  );
});
