import { describe, expect, test } from "vitest";
import { describeModels } from "../../src/simulator/server.ts";
import { ask, user, withSimulator } from "./client.ts";

const names = describeModels().map(({ name }) => name);

function refusal(status: number, message: string, param: string | null, code: string | null = null) {
  return { status, body: { error: { message, type: "invalid_request_error", param, code } } };
}

describe("a model name", () => {
  test("that is unknown gets 404 with the names there are", () =>
    withSimulator(async (simulator) => {
      const message = `The model "gpt-9" does not exist; there are: ${names.join(", ")}.`;
      expect(await ask(simulator, { model: "gpt-9:a=1" })).toEqual(refusal(404, message, "model", "model_not_found"));
    }));

  test.each([
    ["text:tokens=-1", 'The option "tokens" cannot be "-1": it takes a whole number from 0 to 1000000000.'],
    ["text:tokens=many", 'The option "tokens" cannot be "many": it takes a whole number from 0 to 1000000000.'],
    ["text:ttft=5", 'The option "ttft" cannot be "5": it takes a duration (200ms, 2s).'],
    ["text:ttft=-1s", 'The option "ttft" cannot be "-1s": it takes a duration (200ms, 2s).'],
    ["text:ttft=99999999s", 'The option "ttft" cannot be "99999999s": it takes a duration (200ms, 2s).'],
    ["text:rate=fast", 'The option "rate" cannot be "fast": it takes a number a second.'],
    ["text:total-bytes=5MB", 'The option "total-bytes" cannot be "5MB": it takes bytes (1000, 64KiB, 50MiB).'],
    ["text:tokens=1:tokens=2", 'The model name "text:tokens=1:tokens=2" gives the option "tokens" more than once.'],
    ["text:speed=1", 'The model "text" has no option "speed"; it has: ttft, rate, tokens, chunk, total-bytes.'],
    ["fault.no-response:a", 'The model "fault.no-response" has no option "a"; it has: none.'],
    ["fault.missing-done:hold=1", 'The option "hold" cannot be "1": it takes no value.'],
    ["reasoning:field=thinking", 'The option "field" cannot be "thinking": it takes reasoning_content or reasoning.'],
    ["flaky:fault=none", 'There is no fault "none".'],
    ["flaky:retry-after=1", 'The model "fault.error-status" has no option "retry-after"; it has: status.'],
    ["fault.rate-limited:hint=\n", 'The option "hint" cannot be "\\n": it takes printable ASCII.'],
  ])("with a wrong option gets 400: %s", (model, message) =>
    withSimulator(async (simulator) => {
      expect(await ask(simulator, { model })).toEqual(refusal(400, message, "model", "invalid_model_option"));
    }),
  );

  test("of a fault of streams gets 400 when the request is unary", () =>
    withSimulator(async (simulator) => {
      const message = 'The model fault.missing-done is a fault of streams: ask with "stream": true.';
      expect(await ask(simulator, { model: "fault.missing-done" })).toEqual(refusal(400, message, "stream"));
    }));
});

describe("a request", () => {
  test.each([
    [{ model: "" }, "model", "must be a non-empty string"],
    [{ messages: [] }, "messages", "must not be empty"],
    [{ messages: "hi" }, "messages", "must be an array"],
    [{ messages: [{ role: "robot" }] }, "messages[0].role", "must be one of system, developer, user, assistant, tool"],
    [
      { messages: [user([{ type: "video" }])] },
      "messages[0].content[0]",
      "must be a well-formed text, image_url, input_audio or file part",
    ],
    [{ messages: [user([{ type: "text" }])] }, "messages[0].content[0].text", "must be a string"],
    [{ stream: "yes" }, "stream", "must be a boolean"],
    [{ stream_options: { include_usage: true } }, "stream_options", "is only allowed when stream is true"],
    [{ max_tokens: 0 }, "max_completion_tokens", "must be a whole number of at least 1"],
    [{ stop: [1] }, "stop", "must hold non-empty strings"],
    [{ n: 2 }, "n", "must be 1: the simulator gives one choice"],
    [{ tools: [{ type: "function" }] }, "tools[0].function", "must be an object"],
  ])("that is wrong gets 400: %j", (wrong, param, problem) =>
    withSimulator(async (simulator) => {
      expect(await ask(simulator, { model: "echo", ...wrong })).toEqual(
        refusal(400, `Invalid '${param}': it ${problem}.`, param),
      );
    }),
  );

  test("that is no JSON gets 400", () =>
    withSimulator(async (simulator) => {
      const response = await fetch(`${simulator.url}/chat/completions`, { method: "POST", body: "{" });
      expect({ status: response.status, body: await response.json() }).toEqual(
        refusal(400, "Invalid 'body': it must be an object.", "body"),
      );
    }));

  test("for another path gets 404", () =>
    withSimulator(async (simulator) => {
      const response = await fetch(`${simulator.url}/audio`, { method: "POST", body: "{}" });
      const message =
        "There is no POST /v1/audio; there are POST /v1/chat/completions, POST /v1/embeddings, GET /v1/models and GET /healthz.";
      expect({ status: response.status, body: await response.json() }).toEqual(refusal(404, message, null));
    }));
});

describe("the list of models", () => {
  test("says what each does and which options it takes", () =>
    withSimulator(async (simulator) => {
      const { data } = (await (await fetch(`${simulator.url}/models`)).json()) as { data: { id: string }[] };
      expect(data.map(({ id }) => id)).toEqual(names);
      expect(data.find(({ id }) => id === "fault.overloaded")).toEqual({
        id: "fault.overloaded",
        object: "model",
        created: 0,
        owned_by: "simulator",
        description: "an error of a server with too much to do",
        options: [{ name: "status", form: "a whole number from 400 to 599", description: "the HTTP status" }],
      });
    }));

  test("has no name twice", () => {
    expect(new Set(names).size).toBe(names.length);
  });
});
