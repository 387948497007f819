/** Requests that parse and are wrong: refused with the same words on both doors, before anything is sent upstream. */
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { doors, expectHealthy, failureOf, methods, type Request } from "./failures.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

afterEach(() => expectHealthy(gateway));

const good = ask("house/echo");
const { prompt } = good;
const text = { content: { case: "text" as const, value: "hi" } };
const image = {
  content: { case: "image" as const, value: { source: { case: "uri" as const, value: "https://a.example/b.png" } } },
};
const result = { content: { case: "toolResult" as const, value: { callId: "1" } } };
const toolCall = { content: { case: "toolCall" as const, value: { callId: "1", name: "t" } } };
const featureRule = "does not match regex pattern `^[a-z0-9][a-z0-9._-]{0,63}$`";

/** Request → the fields that are wrong, in order, with what is said about them. */
const invalid: readonly { name: string; request: Request; violations: readonly (readonly [string, string])[] }[] = [
  {
    name: "without a feature",
    request: { ...good, attribution: {} },
    violations: [["attribution.feature", featureRule]],
  },
  {
    name: "with a feature in capitals",
    request: { ...good, attribution: { feature: "Support" } },
    violations: [["attribution.feature", featureRule]],
  },
  { name: "without attribution", request: { prompt }, violations: [["attribution", "value is required"]] },
  {
    name: "without a prompt",
    request: { attribution: { feature: "test" } },
    violations: [["prompt", "value is required"]],
  },
  {
    name: "without a model",
    request: { ...good, prompt: { ...prompt, model: "" } },
    violations: [["prompt.model", "must be at least 1 characters"]],
  },
  {
    name: "without messages",
    request: { ...good, prompt: { model: "house/echo" } },
    violations: [["prompt.messages", "must contain at least 1 item(s)"]],
  },
  {
    name: "with several wrong fields at once",
    request: { ...good, prompt: { ...prompt, temperature: 2.5, topP: -0.1, maxOutputTokens: 0 } },
    violations: [
      ["prompt.max_output_tokens", "must be greater than 0"],
      ["prompt.temperature", "must be greater than or equal to 0 and less than or equal to 2"],
      ["prompt.top_p", "must be greater than or equal to 0 and less than or equal to 1"],
    ],
  },
  {
    name: "with a temperature that is no number",
    request: { ...good, prompt: { ...prompt, temperature: Number.NaN } },
    violations: [
      ["prompt.temperature", "must be greater than or equal to 0 and less than or equal to 2"],
      ["prompt.temperature", "must be finite"],
    ],
  },
  {
    name: "with a role that does not exist",
    request: { ...good, prompt: { ...prompt, messages: [{ role: 99 as never, parts: [text] }] } },
    violations: [["prompt.messages[0].role", "value must be one of the defined enum values"]],
  },
  {
    name: "with an image in a system message and a tool call in a user message",
    request: {
      ...good,
      prompt: {
        ...prompt,
        messages: [
          { role: 1, parts: [text, image] },
          { role: 2, parts: [toolCall] },
        ],
      },
    },
    violations: [
      ["prompt.messages[0].parts[1]", "a message of this role cannot hold image"],
      ["prompt.messages[1].parts[0]", "a message of this role cannot hold tool_call"],
    ],
  },
  {
    name: "with text in a tool message and a tool result in an assistant message",
    request: {
      ...good,
      prompt: {
        ...prompt,
        messages: [
          { role: 4, parts: [text] },
          { role: 3, parts: [result] },
        ],
      },
    },
    violations: [
      ["prompt.messages[0].parts[0]", "a message of this role cannot hold text"],
      ["prompt.messages[1].parts[0]", "a message of this role cannot hold tool_result"],
    ],
  },
  {
    name: "with options for a provider that is not configured",
    request: { ...good, prompt: { ...prompt, providerOptions: { hose: {} } } },
    violations: [['prompt.provider_options["hose"]', 'no provider of this name is configured; did you mean "house"?']],
  },
];

const notImplemented: readonly { field: string; handling: NonNullable<Request["handling"]> }[] = [
  { field: "handling.idempotency_key", handling: { idempotencyKey: "k" } },
];

describe.each(doors)("through %s", (door) => {
  describe.each(methods)("%s", (method) => {
    test.each(invalid)("refuses a request $name, naming the fields", async ({ request, violations }) => {
      const asked = simulator.calls.length;
      const failure = await failureOf(gateway[door], method, request);
      expect(failure).toEqual({
        code: Code.InvalidArgument,
        message: violations.map(([field, description]) => `${field}: ${description}`).join("; "),
        reason: "INVALID_REQUEST",
        domain: "sluice",
        metadata: { request_id: failure.requestId },
        violations: violations.map(([field, description]) => ({ field, description })),
        retryAfterS: undefined,
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      expect(simulator.calls.length).toBe(asked);
    });

    test.each(notImplemented)("refuses $field as not implemented ($handling)", async ({ field, handling }) => {
      const failure = await failureOf(gateway[door], method, { ...good, handling });
      expect(failure).toEqual({
        code: Code.Unimplemented,
        message: `${field}: this version does not do this yet; leave it unset.`,
        reason: "NOT_IMPLEMENTED",
        domain: "sluice",
        metadata: { request_id: failure.requestId },
        violations: [{ field, description: "not implemented" }],
        retryAfterS: undefined,
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    });

    test("says which model it does not know, and the nearest", async () => {
      const failure = await failureOf(gateway[door], method, ask("hose/echo"));
      expect(failure).toEqual({
        code: Code.NotFound,
        message: 'No model "hose/echo": no provider "hose" is configured; did you mean "house"?',
        reason: "MODEL_NOT_FOUND",
        domain: "sluice",
        metadata: { request_id: failure.requestId },
        violations: [],
        retryAfterS: undefined,
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    });

    test("passes on a provider's refusal with what is known of it", async () => {
      // Each its own: who was told to wait is not asked again.
      const seconds = 7 + doors.indexOf(door) * methods.length + methods.indexOf(method);
      const model = `fault.rate-limited:retry-after=${seconds}`;
      const request = { ...ask(`house/${model}`), handling: { notIdempotent: true } };
      const failure = await failureOf(gateway[door], method, request);
      expect(failure).toEqual({
        code: Code.ResourceExhausted,
        message: expect.stringContaining("The upstream answered 429: Rate limit reached"),
        reason: "UPSTREAM_RATE_LIMITED",
        domain: "sluice",
        metadata: {
          provider: "house",
          model,
          upstream_status: "429",
          request_id: failure.requestId,
        },
        violations: [],
        retryAfterS: seconds,
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    });
  });
});
