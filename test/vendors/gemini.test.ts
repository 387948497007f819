/** What is written for Gemini, beside what Google's own client sends for the same: by its types and on the wire. */
import { type GenerateContentParameters, GoogleGenAI } from "@google/genai";
import { expect, test } from "vitest";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { record } from "../provider/wire-json.ts";
import { compile } from "./compile.ts";
import { type Body, writeAnswers, writePrompts } from "./prompts.ts";
import { openServer } from "./scripted.ts";

const MODEL = "gemini-3-pro";
const dialect = geminiFor("gemini");
const { bodies, refused } = writePrompts(dialect, MODEL);

/** A body in the form of the client's parameters: what is beside the contents is its configuration. */
function toParameters({ body }: Body): unknown {
  const { contents, generationConfig, ...config } = body;
  return { model: MODEL, contents, config: { ...record(generationConfig), ...config } };
}

/** The client's parameters, with the words of its enumerations as plain text. */
const TYPES = [
  'import type { GenerateContentParameters } from "@google/genai";',
  `type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;`,
  "type Request = Plain<GenerateContentParameters>;",
].join(" ");

async function both(): Promise<readonly Body[]> {
  return [...bodies, ...(await writeAnswers(dialect, "gemini.generateContent", ["gemini"]))];
}

test("prompts are taken, but for what Gemini cannot do", () => {
  expect(refused).toEqual([
    "instructions in between",
    "one tool at a time",
    "effort NONE",
    "effort MEDIUM",
    "no budget",
  ]);
});

test("requests are as Google's types have them", { timeout: 120_000 }, async () => {
  const judged = (await both()).map((one) => ({ name: one.name, value: toParameters(one), type: "Request" }));
  const wrong = { name: "wish", value: { model: MODEL, contents: [], config: { wish: 1 } }, type: "Request" };
  const found = await compile(TYPES, [...judged, wrong]);
  expect(Object.keys(found), JSON.stringify(found, null, 1)).toEqual(["wish"]);
});

test("requests are sent by Google's client as they are", { timeout: 120_000 }, async () => {
  const server = await openServer(() => ({ type: "application/json", body: '{"candidates":[]}' }));
  const client = new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl: server.url } });
  for (const one of await both()) {
    await client.models.generateContent(toParameters(one) as GenerateContentParameters);
    const { generationConfig, ...sent } = JSON.parse(server.last().body);
    const config = Object.keys(record(generationConfig)).length === 0 ? {} : { generationConfig };
    expect({ ...sent, ...config }, one.name).toEqual(one.body);
  }
});
