/** Conversations of several turns through packages of the AI SDK: what came out goes back in. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type Message, MessageSchema, type Part, PartSchema, ToolResultSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { Role } from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";
import { answer } from "./answers.ts";
import { listen, type PackageName, serve } from "./support.ts";

const picture = new Uint8Array([1, 2, 3]);

function toolMessage(callId: string): Message {
  const value = create(ToolResultSchema, {
    callId,
    parts: [
      { content: { case: "text", value: "sunny" } },
      { content: { case: "image", value: { source: { case: "data", value: picture }, mimeType: "image/png" } } },
    ],
  });
  return create(MessageSchema, { role: Role.TOOL, parts: [{ content: { case: "toolResult", value } }] });
}

/** The prompt of a second turn: an answer, and what its tool said. */
function second(parts: readonly Part[], results: readonly Message[]) {
  const user = create(MessageSchema, { role: Role.USER, parts: [{ content: { case: "text", value: "Hello" } }] });
  const assistant = create(MessageSchema, { role: Role.ASSISTANT, parts: [...parts] });
  return { messages: [user, assistant, ...results], tools: [{ name: "weather" }] };
}

async function secondRequest(name: PackageName, results: readonly Message[]): Promise<readonly unknown[]> {
  const upstream = await listen(answer(name));
  const gateway = await serve(name, { url: upstream.url });
  const asked = ask(`${name}/m`);
  const { parts } = await gateway.client.complete(asked);
  await gateway.client.complete({ ...asked, prompt: { ...asked.prompt, ...second(parts, results) } });
  return upstream.received[1]?.body.messages as readonly unknown[];
}

describe("a second turn", () => {
  test("has its thinking with its signature, and pictures of tools, through anthropic", async () => {
    expect((await secondRequest("anthropic", [toolMessage("t-1")])).slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hmm.", signature: "EqQB+/=signed" },
          { type: "text", text: "Cześć 🌊" },
          { type: "tool_use", id: "t-1", name: "weather", input: { city: "Rome" } },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "t-1",
            content: [
              { type: "text", text: "sunny" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
            ],
          },
        ],
      },
    ]);
  });

  test("has its reasoning through openai-compatible", async () => {
    const value = create(ToolResultSchema, { callId: "t-1", parts: [{ content: { case: "text", value: "sunny" } }] });
    const result = create(MessageSchema, { role: Role.TOOL, parts: [{ content: { case: "toolResult", value } }] });
    expect((await secondRequest("compatible", [result])).slice(1)).toEqual([
      {
        role: "assistant",
        content: "Cześć 🌊",
        reasoning_content: "Hmm.",
        tool_calls: [{ id: "t-1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } }],
      },
      { role: "tool", tool_call_id: "t-1", content: "sunny" },
    ]);
  });

  test("has two calls at once and both of their results, through mistral", async () => {
    const upstream = await listen(answer("mistral"));
    const gateway = await serve("mistral", { url: upstream.url });
    const call = (callId: string): Part =>
      create(PartSchema, { content: { case: "toolCall", value: { callId, name: "weather", argumentsJson: "{}" } } });
    const result = (callId: string): Message => {
      const value = create(ToolResultSchema, { callId, parts: [{ content: { case: "text", value: callId } }] });
      return create(MessageSchema, { role: Role.TOOL, parts: [{ content: { case: "toolResult", value } }] });
    };
    const asked = ask("mistral/m");
    const prompt = { ...asked.prompt, ...second([call("a"), call("b")], [result("a"), result("b")]) };
    await gateway.client.complete({ ...asked, prompt });
    const calls = ["a", "b"].map((id) => ({ id, type: "function", function: { name: "weather", arguments: "{}" } }));
    const results = ["a", "b"].map((id) => ({ role: "tool", name: "weather", tool_call_id: id, content: id }));
    expect(upstream.received[0]?.body.messages).toMatchObject([
      {},
      { role: "assistant", tool_calls: calls },
      ...results,
    ]);
  });

  test("goes on at another package, which does not get what is not its own", async () => {
    const upstream = await listen((response, request) =>
      answer(request.path === "/v1/messages" ? "anthropic" : "compatible")(response, request),
    );
    const own = { api_key: "env:KEY", base_url: `${upstream.url}/v1` };
    const providers = {
      claude: { ...own, ai_sdk: { package: "@ai-sdk/anthropic" } },
      house: { ...own, ai_sdk: { package: "@ai-sdk/openai-compatible" } },
    };
    const gateway = await serve("anthropic", { url: upstream.url, more: { providers } });
    const value = create(ToolResultSchema, { callId: "t-1", parts: [{ content: { case: "text", value: "sunny" } }] });
    const result = create(MessageSchema, { role: Role.TOOL, parts: [{ content: { case: "toolResult", value } }] });
    const first = await gateway.client.complete(ask("claude/m"));
    const asked = ask("house/m");
    const next = await gateway.client.complete({
      ...asked,
      prompt: { ...asked.prompt, ...second(first.parts, [result]) },
    });
    expect(upstream.received[1]?.body.messages).toMatchObject([{}, { role: "assistant", content: "Cześć 🌊" }, {}]);
    expect(JSON.stringify(upstream.received[1]?.body)).not.toMatch(/Hmm|signed/);
    const back = ask("claude/m");
    await gateway.client.complete({ ...back, prompt: { ...back.prompt, ...second(next.parts, [result]) } });
    expect(JSON.stringify(upstream.received[2]?.body)).not.toContain("Hmm");
  });
});
