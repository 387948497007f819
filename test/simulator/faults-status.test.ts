import { describe, expect, test } from "vitest";
import { ask, askWire, createStepClock, post, withSimulator } from "./client.ts";

const error = (message: string, type: string | null, code: string | null = null, param: string | null = null) => ({
  error: { message, type, param, code },
});
const limited = "Rate limit reached for fault.rate-limited on requests per min (RPM): Limit 3, Used 3, Requested 1.";
const serverError = "The server had an error while processing your request. Sorry about that!";

describe("an error", () => {
  test.each([
    ["fault.error-status:status=418", 418, error("The simulator was asked for status 418.", "simulated_error")],
    ["fault.server-error", 500, error(serverError, "server_error")],
    ["fault.server-error:status=502", 502, error(serverError, "server_error")],
    ["fault.overloaded", 529, error("Overloaded", "overloaded_error", "overloaded")],
    ["fault.rate-limited", 429, error(limited, "requests", "rate_limit_exceeded")],
    [
      "fault.rate-limited:hint=6.596s",
      429,
      error(`${limited} Please try again in 6.596s.`, "requests", "rate_limit_exceeded"),
    ],
    [
      "fault.insufficient-quota",
      429,
      error(
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
      ),
    ],
    [
      "fault.context-length",
      400,
      error(
        "This model's maximum context length is 1 token. However, your messages resulted in 5 tokens. Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
      ),
    ],
    [
      "fault.content-filter",
      400,
      {
        error: {
          message: "The response was filtered due to the prompt triggering the content management policy.",
          type: null,
          param: "prompt",
          code: "content_filter",
          status: 400,
          innererror: {
            code: "ResponsibleAIPolicyViolation",
            content_filter_result: { violence: { filtered: true, severity: "medium" } },
          },
        },
      },
    ],
    ["fault.unauthorized", 401, error("You didn't provide an API key.", "invalid_request_error")],
    [
      "fault.forbidden",
      403,
      error("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"),
    ],
  ])("is told by %s, unary and streamed", (model, status, body) =>
    withSimulator(async (simulator) => {
      expect(await ask(simulator, { model })).toEqual({ status, body });
      expect(await ask(simulator, { model, stream: true })).toEqual({ status, body });
    }),
  );

  test.each([
    ["Bearer sk-simulator-0123456789abcd", "sk-simul***************abcd"],
    ["Bearer short-key", "*********"],
  ])("quotes only a part of the key %s", (authorization, quoted) =>
    withSimulator(async (simulator) => {
      const message = `Incorrect API key provided: ${quoted}. You can find your API key at https://platform.openai.com/account/api-keys.`;
      expect(await ask(simulator, { model: "fault.unauthorized" }, { authorization })).toEqual({
        status: 401,
        body: error(message, "invalid_request_error", "invalid_api_key"),
      });
    }),
  );

  test.each([
    ["", []],
    [":retry-after=7", ["retry-after: 7"]],
    [":retry-after=-1", ["retry-after: -1"]],
    [":retry-after=1000000000", ["retry-after: 1000000000"]],
    [":retry-after=soon", ["retry-after: soon"]],
    [":retry-after=Wed, 21 Oct 2015 07:28:00 GMT", ["retry-after: Wed, 21 Oct 2015 07:28:00 GMT"]],
    [":retry-after-ms=250", ["retry-after-ms: 250"]],
    [":date=30s", ["retry-after: Tue, 14 Nov 2023 22:13:50 GMT"]],
    [":date=-20s", ["retry-after: Tue, 14 Nov 2023 22:13:00 GMT"]],
    [":retry-after=7:twice", ["retry-after: 7", "retry-after: 7"]],
    [":twice", ["retry-after: 1"]],
    [":retry-after=7:twice=9:retry-after-ms=1", ["retry-after: 7", "retry-after: 9", "retry-after-ms: 1"]],
  ])("says when to come back: fault.rate-limited%s", (options, headers) =>
    withSimulator(async (simulator) => {
      const { head } = await askWire(simulator, { model: `fault.rate-limited${options}` });
      expect(head.split("\r\n").filter((line) => line.startsWith("retry-after"))).toEqual(headers);
    }),
  );

  test.each([
    ["fault.html-503", 503, "503 Service Temporarily Unavailable"],
    ["fault.html-200", 200, "Welcome to nginx!"],
  ])("is a page of HTML: %s", (model, status, title) =>
    withSimulator(async (simulator) => {
      const response = await post(simulator, { model });
      expect([response.status, response.headers.get("content-type")]).toEqual([status, "text/html"]);
      expect(await response.text()).toContain(`<title>${title}</title>`);
    }),
  );
});

describe("a redirect", () => {
  test("leads to a path that records who follows it", () =>
    withSimulator(async (simulator) => {
      const refused = await post(simulator, { model: "fault.redirect" }, { redirect: "manual" });
      expect([refused.status, refused.headers.get("location")]).toEqual([302, "/v1/redirected"]);
      const followed = await post(simulator, { model: "fault.redirect:status=307" });
      expect([followed.status, await followed.json()]).toEqual([200, { redirected: true }]);
      expect(simulator.calls.map(({ path }) => path)).toEqual([
        "/v1/chat/completions",
        "/v1/chat/completions",
        "/v1/redirected",
      ]);
    }));

  test("may lead elsewhere", () =>
    withSimulator(async (simulator) => {
      const model = "fault.redirect:to=http://127.0.0.1:9/elsewhere";
      const response = await post(simulator, { model }, { redirect: "manual" });
      expect(response.headers.get("location")).toBe("http://127.0.0.1:9/elsewhere");
    }));
});

describe("a flapping upstream", () => {
  test("fails and answers in turn, and recovers", async () => {
    const { clock, advance } = createStepClock();
    await withSimulator(
      async (simulator) => {
        const statuses: number[] = [];
        for (let step = 0; step < 8; step++) {
          statuses.push((await ask(simulator, { model: "fault.flapping:period=2s:for=6s" })).status);
          advance(1000);
        }
        expect(statuses).toEqual([503, 503, 200, 200, 503, 503, 200, 200]);
      },
      { clock },
    );
  });
});
