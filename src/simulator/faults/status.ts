import { promptTokens } from "../answers.ts";
import type { Behaviour, Exchange } from "../behaviour.ts";
import { errorBody } from "../errors.ts";
import { count, duration, offset, text } from "../options.ts";
import { sendAnswer } from "../send.ts";
import { fault, plainAnswer } from "./fault.ts";

const statusOf = (absent: number) => count("the HTTP status", absent, { least: 400, most: 599 });

/** Where `fault.redirect` sends its clients. The simulator records calls to it like any others. */
export const redirectPath = "/v1/redirected";

/** Faults told by status, headers and body of a well-formed HTTP answer. */
export const statusFaults: readonly Behaviour[] = [
  fault("error-status", "an error of any status", { status: statusOf(503) }, ({ reply }, { status }) =>
    reply.sendJson(status, errorBody(`The simulator was asked for status ${status}.`, { type: "simulated_error" })),
  ),

  fault("server-error", "an error of the server", { status: statusOf(500) }, ({ reply }, { status }) =>
    reply.sendJson(
      status,
      errorBody("The server had an error while processing your request. Sorry about that!", { type: "server_error" }),
    ),
  ),

  fault("overloaded", "an error of a server with too much to do", { status: statusOf(529) }, ({ reply }, { status }) =>
    reply.sendJson(status, errorBody("Overloaded", { type: "overloaded_error", code: "overloaded" })),
  ),

  fault(
    "rate-limited",
    "429; without options it does not say when to come back",
    {
      "retry-after": text("a Retry-After header, as it is", undefined),
      date: offset("a Retry-After header with the HTTP date that is this far from now"),
      "retry-after-ms": text("a retry-after-ms header, as it is", undefined),
      hint: text("a time to try again in the message only, e.g. 6.596s", undefined),
      twice: text("a second Retry-After header; without a value the same again", undefined),
    },
    ({ reply, request, clock }, { "retry-after": retryAfter, date, "retry-after-ms": retryAfterMs, hint, twice }) => {
      const waits = retryAfter === undefined ? [] : [retryAfter];
      if (date !== undefined) waits.push(new Date(clock.wallMs() + date).toUTCString());
      if (twice !== undefined) waits.push(twice === "" ? (waits[0] ?? "1") : twice);
      const again = hint === undefined ? "" : ` Please try again in ${hint}.`;
      reply.sendJson(
        429,
        errorBody(
          `Rate limit reached for ${request.model.split(":", 1)[0]} on requests per min (RPM): Limit 3, Used 3, Requested 1.${again}`,
          { type: "requests", code: "rate_limit_exceeded" },
        ),
        {
          ...(waits.length > 0 ? { "retry-after": waits } : {}),
          ...(retryAfterMs === undefined ? {} : { "retry-after-ms": retryAfterMs }),
        },
      );
    },
  ),

  fault("insufficient-quota", "429 that no retry cures", {}, ({ reply }) =>
    reply.sendJson(
      429,
      errorBody("You exceeded your current quota, please check your plan and billing details.", {
        type: "insufficient_quota",
        code: "insufficient_quota",
      }),
    ),
  ),

  fault("html-503", "503 with a page of HTML", {}, ({ reply }) =>
    sendHtml(reply, 503, "503 Service Temporarily Unavailable"),
  ),
  fault("html-200", "200 with a page of HTML", {}, ({ reply }) => sendHtml(reply, 200, "Welcome to nginx!")),

  fault(
    "redirect",
    "a redirect to a path of the simulator, which records whether it is followed",
    {
      status: count("the HTTP status", 302, { least: 300, most: 399 }),
      to: text("another place to redirect to", redirectPath),
    },
    ({ reply }, { status, to }) => {
      reply.head(status, { location: to, "content-length": "0" });
      reply.end();
    },
  ),

  fault("context-length", "400 for a prompt that is too long", {}, ({ reply, request }) =>
    reply.sendJson(
      400,
      errorBody(
        `This model's maximum context length is 1 token. However, your messages resulted in ${promptTokens(request)} tokens. Please reduce the length of the messages.`,
        { param: "messages", code: "context_length_exceeded" },
      ),
    ),
  ),

  fault("content-filter", "400 for a prompt that a filter stopped, as Azure writes it", {}, ({ reply }) => {
    const { error } = errorBody(
      "The response was filtered due to the prompt triggering the content management policy.",
      {
        type: null,
        param: "prompt",
        code: "content_filter",
      },
    );
    const innererror = {
      code: "ResponsibleAIPolicyViolation",
      content_filter_result: { violence: { filtered: true, severity: "medium" } },
    };
    reply.sendJson(400, { error: { ...error, status: 400, innererror } });
  }),

  fault("unauthorized", "401 that quotes a part of the key, as OpenAI does", {}, ({ reply, authorization }) => {
    const key = authorization?.replace(/^Bearer\s+/i, "");
    const message =
      key === undefined
        ? "You didn't provide an API key."
        : `Incorrect API key provided: ${maskKey(key)}. You can find your API key at https://platform.openai.com/account/api-keys.`;
    reply.sendJson(401, errorBody(message, { code: key === undefined ? null : "invalid_api_key" }));
  }),

  fault("forbidden", "403", {}, ({ reply }) =>
    reply.sendJson(
      403,
      errorBody("Country, region, or territory not supported", {
        type: "request_forbidden",
        code: "unsupported_country_region_territory",
      }),
    ),
  ),

  fault(
    "flapping",
    "fails for a period, answers for a period, and so on, from the first call with this exact model name",
    {
      period: duration("how long it fails, and how long it answers", 2_000, { leastMs: 1 }),
      for: duration("when it stops flapping and only answers; absent is never", undefined),
      status: statusOf(503),
    },
    flap,
  ),
];

async function flap(
  exchange: Exchange,
  given: { readonly period: number; readonly for: number | undefined; readonly status: number },
): Promise<void> {
  const { reply, request, clock, memory } = exchange;
  const key = `flapping ${request.model}`;
  const sinceMs = memory.get(key) ?? clock.nowMs();
  memory.set(key, sinceMs);
  const passedMs = clock.nowMs() - sinceMs;
  const recovered = given.for !== undefined && passedMs >= given.for;
  if (recovered || Math.floor(passedMs / given.period) % 2 === 1) {
    await sendAnswer(exchange, plainAnswer(exchange), { ttft: 0, rate: 0 });
    return;
  }
  reply.sendJson(given.status, errorBody("The server is down for now.", { type: "server_error" }));
}

function sendHtml(reply: Exchange["reply"], status: number, title: string): Promise<void> {
  const page = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
  return reply.send(status, { "content-type": "text/html" }, [page]);
}

/** The first 8 and the last 4 characters; nothing of a key too short to hide anything. */
function maskKey(key: string): string {
  return key.length <= 16 ? "*".repeat(key.length) : `${key.slice(0, 8)}${"*".repeat(key.length - 12)}${key.slice(-4)}`;
}
