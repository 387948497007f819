/** What is written for Cohere, read by the serializers of its own package. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { cohere } from "../../src/provider/cohere/index.ts";
import { type Body, writeAnswers, writePrompts } from "./prompts.ts";

interface Schema {
  parse(raw: unknown, options: object): Promise<{ readonly ok: boolean; readonly errors?: readonly object[] }>;
}

// The package does not export them.
const require = createRequire(import.meta.url);
const serializers = require(join(dirname(require.resolve("cohere-ai")), "serialization")) as {
  readonly v2: { readonly V2ChatRequest: Schema };
};

/** What the serializer finds wrong, by the name of the body. `stream` is added by the client itself. */
async function judge(bodies: readonly Body[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { name, body } of bodies) {
    const { stream: _, ...request } = body;
    const parsed = await serializers.v2.V2ChatRequest.parse(request, { unrecognizedObjectKeys: "fail" });
    if (!parsed.ok) found[name] = parsed.errors;
  }
  return found;
}

const { bodies, refused } = writePrompts(cohere, "command-a-03-2025");

test("prompts are taken by Cohere's serializers", async () => {
  expect(refused).toEqual([
    ...[
      "likely tokens",
      "this tool",
      "one tool at a time",
      "a tool that shows a picture",
      "effort MINIMAL",
      "effort LOW",
    ],
    ...["effort HIGH", "effort XHIGH", "sound", "a document", "a document by address", "a document by id"],
  ]);
  expect(await judge(bodies)).toEqual({});
});

test("answers that are given back are taken by Cohere's serializers", async () => {
  expect(await judge(await writeAnswers(cohere, "cohere.v2.chat", ["cohere"]))).toEqual({});
});

test("what Cohere does not know is found", async () => {
  const wrong = [
    { name: "wish", body: { ...bodies[0]?.body, wish: 1 } },
    { name: "type", body: { ...bodies[0]?.body, k: "1" } },
  ];
  expect(Object.keys(await judge(wrong))).toEqual(["wish", "type"]);
});
