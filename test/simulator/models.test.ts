import { describe, expect, test } from "vitest";
import { ask, askDeltas, askMessage, askStream, createStepClock, post, user, withSimulator } from "./client.ts";

const role = { role: "assistant", content: "", refusal: null };
const roleWithoutText = { role: "assistant", content: null, refusal: null };
const tool = (name: string, parameters: unknown) => ({ type: "function", function: { name, parameters } });
const weather = tool("get_weather", {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 3 }, unit: { enum: ["C", "F"] } },
});

describe("a unary answer", () => {
  test("is a whole chat completion", () =>
    withSimulator(async (simulator) => {
      expect(await ask(simulator, { model: "echo", messages: [user("Hello, mill")] })).toEqual({
        status: 200,
        body: {
          id: "chatcmpl-simulator-1",
          object: "chat.completion",
          created: 1_700_000_000,
          model: "echo",
          system_fingerprint: "fp_simulator",
          choices: [
            {
              index: 0,
              message: { role: "assistant", content: "Hello, mill", refusal: null, annotations: [] },
              logprobs: null,
              finish_reason: "stop",
            },
          ],
          usage: {
            prompt_tokens: 7,
            completion_tokens: 3,
            total_tokens: 10,
            prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
            completion_tokens_details: {
              reasoning_tokens: 0,
              audio_tokens: 0,
              accepted_prediction_tokens: 0,
              rejected_prediction_tokens: 0,
            },
          },
        },
      });
    }));

  test("waits for the first token and then for each at the given rate", async () => {
    const { clock, delays } = createStepClock();
    await withSimulator((simulator) => ask(simulator, { model: "text:tokens=5:ttft=200ms:rate=10" }).then(() => {}), {
      clock,
    });
    expect(delays).toEqual([700]);
  });
});

describe("a streamed answer", () => {
  const chunk = (choices: unknown[], usage: object) => ({
    id: "chatcmpl-simulator-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "text:tokens=2",
    system_fingerprint: "fp_simulator",
    choices,
    ...usage,
  });
  const choice = (delta: object, finish: string | null = null) => ({
    index: 0,
    delta,
    logprobs: null,
    finish_reason: finish,
  });

  test("has a role, one chunk a token, a finish reason and [DONE]", () =>
    withSimulator(async (simulator) => {
      expect(await askStream(simulator, { model: "text:tokens=2" })).toEqual([
        chunk([choice(role)], {}),
        chunk([choice({ content: "The" })], {}),
        chunk([choice({ content: " water" })], {}),
        chunk([choice({}, "stop")], {}),
        "[DONE]",
      ]);
    }));

  test("ends with the usage in a chunk without choices when that is asked for", () =>
    withSimulator(async (simulator) => {
      const usage = {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      };
      expect(await askStream(simulator, { model: "text:tokens=2", stream_options: { include_usage: true } })).toEqual([
        chunk([choice(role)], { usage: null }),
        chunk([choice({ content: "The" })], { usage: null }),
        chunk([choice({ content: " water" })], { usage: null }),
        chunk([choice({}, "stop")], { usage: null }),
        chunk([], { usage }),
        "[DONE]",
      ]);
    }));

  test("waits for the first token and then before each at the given rate", async () => {
    const { clock, delays } = createStepClock();
    await withSimulator(
      (simulator) => askStream(simulator, { model: "text:tokens=3:ttft=2s:rate=10" }).then(() => {}),
      { clock },
    );
    expect(delays).toEqual([2000, 100, 100, 100]);
  });
});

describe("echo", () => {
  test("says the last user message and what came with it", () =>
    withSimulator(async (simulator) => {
      const parts = [
        { type: "text", text: "Look" },
        { type: "image_url", image_url: { url: "data:image/png;base64,aGVsbG8=" } },
        { type: "image_url", image_url: { url: "https://example.org/cat.png" } },
        { type: "input_audio", input_audio: { data: "aGVsbG8h", format: "wav" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" } },
        { type: "file", file: { file_id: "file-7" } },
        { type: "text", text: "here" },
      ];
      const messages = [user("first"), user(parts), { role: "assistant", content: "before" }];
      expect(await askMessage(simulator, { model: "echo", messages })).toEqual({
        index: 0,
        message: {
          role: "assistant",
          content: [
            "Look",
            "here",
            "[image: image/png, 5 bytes]",
            "[image: https://example.org/cat.png]",
            "[audio: wav, 6 bytes]",
            "[file: a.pdf, application/pdf, 2 bytes]",
            "[file: id file-7]",
          ].join("\n"),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: "stop",
        tokens: [441, 59],
      });
    }));

  test.each([
    ["max_tokens", { max_tokens: 2 }, [role, { content: "one" }, { content: " two" }, ["length"], "[DONE]"]],
    ["max_completion_tokens", { max_completion_tokens: 1 }, [role, { content: "one" }, ["length"], "[DONE]"]],
    ["one stop sequence", { stop: "wo" }, [role, { content: "one" }, { content: " t" }, ["stop"], "[DONE]"]],
    ["the first of many stop sequences", { stop: ["three", " t"] }, [role, { content: "one" }, ["stop"], "[DONE]"]],
    [
      "limits it does not reach",
      { max_tokens: 3, stop: ["four"] },
      [role, { content: "one" }, { content: " two" }, { content: " three" }, ["stop"], "[DONE]"],
    ],
  ])("heeds %s", (_, limits, expected) =>
    withSimulator(async (simulator) => {
      expect(await askDeltas(simulator, { model: "echo", messages: [user("one two three")], ...limits })).toEqual(
        expected,
      );
    }),
  );
});

describe("text", () => {
  test("is cut into chunks of a given size", () =>
    withSimulator(async (simulator) => {
      expect(await askDeltas(simulator, { model: "text:tokens=2:chunk=7" })).toEqual([
        role,
        { content: " the wa" },
        { content: " the wa" },
        ["stop"],
        "[DONE]",
      ]);
    }));

  test.each([true, false])("has exactly total-bytes (stream: %s)", (stream) =>
    withSimulator(async (simulator) => {
      const body = { model: "text:total-bytes=300001", stream };
      const text = stream
        ? (await askDeltas(simulator, body)).map((delta) => (delta as { content?: string }).content ?? "").join("")
        : ((await askMessage(simulator, body)) as unknown as { message: { content: string } }).message.content;
      expect(text.length).toBe(300_001);
    }),
  );
});

describe("tools", () => {
  const args = '{"city":"city","days":3,"unit":"C"}';
  const call = (number: string, name: string, json: string) => ({
    id: `call_1_${number}`,
    type: "function",
    function: { name, arguments: json },
  });
  const message = (calls: unknown[]) => ({
    role: "assistant",
    content: null,
    refusal: null,
    tool_calls: calls,
    annotations: [],
  });
  const tools = [weather, tool("stop", { type: "object", properties: {} })];

  test.each([
    ["the first tool", "tools", {}, [call("0", "get_weather", args)]],
    [
      "the tool that is forced",
      "tools",
      { tool_choice: { type: "function", function: { name: "stop" } } },
      [call("0", "stop", "{}")],
    ],
    ["several tools in turn", "tools:count=2", {}, [call("0", "get_weather", args), call("1", "stop", "{}")]],
    [
      "one tool where parallel calls are off",
      "tools:count=2",
      { parallel_tool_calls: false },
      [call("0", "get_weather", args)],
    ],
  ])("calls %s", (_, model, more, calls) =>
    withSimulator(async (simulator) => {
      const told = await askMessage(simulator, { model, tools, ...more });
      expect(told).toMatchObject({ message: message(calls), finish_reason: "tool_calls" });
    }),
  );

  test("streams the arguments in pieces that join to the JSON", () =>
    withSimulator(async (simulator) => {
      const [first, start, ...rest] = await askDeltas(simulator, { model: "tools", tools });
      const pieces = rest.slice(0, -2) as { tool_calls: { index: number; function: { arguments: string } }[] }[];
      expect([first, start, ...rest.slice(-2)]).toEqual([
        roleWithoutText,
        { tool_calls: [{ index: 0, ...call("0", "get_weather", "") }] },
        ["tool_calls"],
        "[DONE]",
      ]);
      expect(pieces.length).toBeGreaterThan(5);
      expect(pieces.map(({ tool_calls }) => tool_calls[0]?.function.arguments).join("")).toBe(args);
    }));

  test("quotes the results of its tools", () =>
    withSimulator(async (simulator) => {
      const messages = [
        user("Weather?"),
        { role: "assistant", content: null, tool_calls: [call("0", "get_weather", args)] },
        { role: "tool", tool_call_id: "call_1_0", content: "sunny" },
        { role: "tool", tool_call_id: "call_unknown", content: "windy" },
      ];
      const told = await askMessage(simulator, { model: "tools", tools, messages });
      expect(told).toMatchObject({
        message: { content: "get_weather said: sunny\ntool said: windy" },
        finish_reason: "stop",
      });
    }));

  test.each([
    ["there are none", {}],
    ["tool_choice is none", { tools, tool_choice: "none" }],
  ])("says that there is nothing to call where %s", (_, more) =>
    withSimulator(async (simulator) => {
      const told = await askMessage(simulator, { model: "tools", ...more });
      expect(told).toMatchObject({ message: { content: "There is no tool to call." }, finish_reason: "stop" });
    }),
  );
});

describe("other models", () => {
  test.each(["reasoning_content", "reasoning"])("reasoning streams its thoughts first, as %s", (field) =>
    withSimulator(async (simulator) => {
      const body = { model: `reasoning:tokens=2:field=${field}`, max_completion_tokens: 4 };
      expect(await askDeltas(simulator, body)).toEqual([
        role,
        { [field]: "The" },
        { [field]: " water" },
        { content: "The" },
        { content: " water" },
        ["length"],
        "[DONE]",
      ]);
      expect(await ask(simulator, body)).toMatchObject({
        body: {
          choices: [{ message: { content: "The water", [field]: "The water" } }],
          usage: { completion_tokens: 4, completion_tokens_details: { reasoning_tokens: 2 } },
        },
      });
    }),
  );

  test("json fits the schema that is asked for", () =>
    withSimulator(async (simulator) => {
      const schema = {
        type: "object",
        properties: {
          name: { type: "string" },
          tags: { type: "array", items: { type: "string" }, minItems: 2 },
          size: { type: ["null", "number"] },
          kind: { const: "mill" },
          open: { type: "boolean" },
          next: { $ref: "#/$defs/node" },
          either: { anyOf: [{ type: "null" }, { type: "string" }] },
          both: { allOf: [{ properties: { a: { default: 7 } } }, { properties: { b: { type: "integer" } } }] },
        },
        $defs: { node: { type: "object", properties: { id: { type: "integer" } } } },
      };
      const told = await askMessage(simulator, {
        model: "json",
        response_format: { type: "json_schema", json_schema: { name: "thing", schema } },
      });
      expect(JSON.parse((told as unknown as { message: { content: string } }).message.content)).toEqual({
        name: "name",
        tags: ["tags", "tags"],
        size: 1,
        kind: "mill",
        open: true,
        next: { id: 1 },
        either: null,
        both: { a: 7, b: 1 },
      });
    }));

  test("json is an object with the last user text where no schema is given", () =>
    withSimulator(async (simulator) => {
      const told = await askMessage(simulator, { model: "json", response_format: { type: "json_object" } });
      expect(told).toMatchObject({ message: { content: '{"answer":"Hello"}' } });
    }));

  test("json ends for a schema that refers to itself", () =>
    withSimulator(async (simulator) => {
      const schema = { type: "object", properties: { child: { $ref: "#" } } };
      const response_format = { type: "json_schema", json_schema: { name: "tree", schema } };
      expect(await askMessage(simulator, { model: "json", response_format })).toMatchObject({ finish_reason: "stop" });
    }));

  test("refusal has a refusal, no content and finish_reason stop", () =>
    withSimulator(async (simulator) => {
      const said = "I'm sorry, I can't assist with that request.";
      expect(await askMessage(simulator, { model: "refusal" })).toMatchObject({
        message: { content: null, refusal: said },
        finish_reason: "stop",
      });
      const deltas = await askDeltas(simulator, { model: "refusal" });
      expect(deltas.slice(0, 2)).toEqual([roleWithoutText, { refusal: "I" }]);
      expect(deltas.slice(-2)).toEqual([["stop"], "[DONE]"]);
      expect(
        deltas
          .slice(1, -2)
          .map((delta) => (delta as { refusal: string }).refusal)
          .join(""),
      ).toBe(said);
    }));

  test("logprobs come with as many alternatives as are asked for", () =>
    withSimulator(async (simulator) => {
      const own = { token: "The", logprob: -0.25, bytes: [84, 104, 101] };
      const content = [{ ...own, top_logprobs: [own, { token: "The1", logprob: -1.25, bytes: [84, 104, 101, 49] }] }];
      const body = { model: "logprobs", max_tokens: 1, top_logprobs: 2 };
      expect(await askMessage(simulator, body)).toMatchObject({ logprobs: { content, refusal: null } });
      const events = await askStream(simulator, body);
      expect(events[1]).toMatchObject({
        choices: [{ delta: { content: "The" }, logprobs: { content, refusal: null } }],
      });
    }));

  test("any model gives log probabilities when asked", () =>
    withSimulator(async (simulator) => {
      const content = [{ token: "Hello", logprob: -0.25, bytes: [72, 101, 108, 108, 111], top_logprobs: [] }];
      expect(await askMessage(simulator, { model: "echo", logprobs: true })).toMatchObject({ logprobs: { content } });
    }));

  test("cached counts cached tokens as a part of the prompt", () =>
    withSimulator(async (simulator) => {
      expect(await ask(simulator, { model: "cached:tokens=100" })).toMatchObject({
        body: { usage: { prompt_tokens: 105, prompt_tokens_details: { cached_tokens: 100 } } },
      });
    }));
});

describe("flaky", () => {
  test("fails the first calls of each exact name, then answers", () =>
    withSimulator(async (simulator) => {
      const statuses: number[] = [];
      for (const model of ["flaky:fail=2", "flaky:fail=2", "flaky:fail=1:status=500", "flaky:fail=2", "flaky:fail=2"]) {
        statuses.push((await ask(simulator, { model })).status);
      }
      expect(statuses).toEqual([503, 503, 500, 200, 200]);
    }));

  test("fails by any fault, with the options of that fault", () =>
    withSimulator(async (simulator) => {
      const model = "flaky:fault=rate-limited:retry-after=7";
      const first = await post(simulator, { model });
      expect([first.status, first.headers.get("retry-after")]).toEqual([429, "7"]);
      await first.text();
      expect((await ask(simulator, { model })).status).toBe(200);
    }));

  test("starts again after a reset", () =>
    withSimulator(async (simulator) => {
      await ask(simulator, { model: "flaky" });
      simulator.reset();
      expect((await ask(simulator, { model: "flaky" })).status).toBe(503);
    }));
});
