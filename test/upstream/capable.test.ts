/** Calls that ask for what a model is known not to do: they go on to a target that can, or are refused unsent. */
import { describe, expect, test } from "vitest";
import { type Delivery, run, serve, simulate } from "./support.ts";

async function serveCapable(capabilities: Readonly<Record<string, unknown>>) {
  const [plain, able] = [await simulate(), await simulate()];
  const gateway = await serve({
    capabilities,
    providers: { plain: plain.url, able: able.url },
    models: { both: ["plain/echo", "able/echo"], neither: ["plain/echo", "plain/text"] },
  });
  return { gateway, plain, able };
}

const tools = [{ name: "look_up", parametersJsonSchema: '{"type":"object"}' }];

describe.each<Delivery>(["unary", "stream"])("%s", (delivery) => {
  test("a call goes to the first target that can do what it asks, and no attempt is made at the others", async () => {
    const { gateway, plain, able } = await serveCapable({ "plain/*": { tools: false, input: ["text"] } });
    expect(await run(gateway, delivery, "both", { prompt: { tools } })).toMatchObject({
      code: "OK",
      attempts: ["able/echo SUCCEEDED 200"],
    });
    expect(await run(gateway, delivery, "both")).toMatchObject({ code: "OK", attempts: ["plain/echo SUCCEEDED 200"] });
    expect([plain.calls.length, able.calls.length]).toEqual([1, 1]);
  });

  test("a call that no target can do is refused before a byte leaves, naming the field", async () => {
    const { gateway, plain } = await serveCapable({ "plain/*": { tools: false } });
    let message = "";
    const outcome = await run(gateway, delivery, "neither", {
      prompt: { tools },
      onError: (error) => {
        message = error.rawMessage;
      },
    });
    expect(outcome).toMatchObject({ code: "InvalidArgument", reason: "FEATURE_UNSUPPORTED", attempts: [] });
    expect(message).toBe(
      "prompt.tools: plain/echo calls no tools; leave it out or choose another model." +
        " No other target of this model can do all that is asked either.",
    );
    expect(plain.calls).toEqual([]);
  });

  test("a prompt that cannot fit is refused before a byte leaves", async () => {
    const { gateway, plain } = await serveCapable({ "plain/echo": { context_window: 100 } });
    const messages = [{ role: 2, parts: [{ content: { case: "text", value: "word ".repeat(500) } }] }];
    const outcome = await run(gateway, delivery, "plain/echo", { prompt: { messages } });
    expect(outcome).toMatchObject({ code: "InvalidArgument", reason: "CONTEXT_LENGTH_EXCEEDED", attempts: [] });
    expect(plain.calls).toEqual([]);
    expect(await run(gateway, delivery, "both", { prompt: { messages } })).toMatchObject({
      code: "OK",
      attempts: ["able/echo SUCCEEDED 200"],
    });
  });
});
