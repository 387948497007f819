import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError, invalidRequest } from "../../domain/error.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";
import { explain as explainBody, explainInAnswer as explainEnvelope } from "../openai-errors.ts";
import { quote } from "../quote.ts";
import { unsupported } from "../unsupported.ts";
import { malformedAnswer, truncatedAnswer, upstreamFailure } from "../upstream-failure.ts";

/** For whom a package failed. */
export interface Failed {
  /** Name of the provider, as configured. */
  readonly provider: string;
  readonly model: string;
  /** ms since 1970, to read dates in retry hints. */
  readonly wallNow: number;
}

const MAX_CAUSES = 8;

/** Says in the gateway's terms why a package failed. */
export function explain(thrown: unknown, failed: Failed): GatewayError {
  // What the gateway's own connections said stands, however the package wrapped it.
  for (let at = thrown, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth++) {
    if (at instanceof GatewayError) return at;
  }
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: thrown }) as JsonRecord;
  const row = rows[asString(error.name) ?? ""];
  if (row !== undefined) return row(error, failed);
  const words = asString(error.message) ?? "";
  return upstreamFailure(ErrorReason.UPSTREAM_ERROR, {
    status: undefined,
    what: `The package of ${failed.provider} failed`,
    words,
    retryAfterMs: undefined,
  });
}

type Row = (error: JsonRecord, failed: Failed) => GatewayError;

function malformed({ message, text }: JsonRecord): GatewayError {
  return malformedAnswer("none that its package can read", asString(text) ?? asString(message) ?? "");
}

function misconfigured({ message }: JsonRecord): GatewayError {
  return upstreamFailure(ErrorReason.UPSTREAM_UNAUTHENTICATED, {
    status: undefined,
    what: "The package was not given what it needs; the gateway's operator must set api_key or ai_sdk.secrets",
    words: asString(message) ?? "",
    retryAfterMs: undefined,
    advice: { [ErrorReason.UPSTREAM_UNAUTHENTICATED]: "" },
  });
}

function invalid({ message, argument }: JsonRecord, { provider }: Failed): GatewayError {
  const field = argument === "providerOptions" ? `prompt.provider_options[${JSON.stringify(provider)}]` : "prompt";
  return invalidRequest([{ field, description: `the package refuses it: ${quote(asString(message) ?? "")}` }]);
}

/** Errors of the specification, by name. Source: `@ai-sdk/provider` 4.0.38, `errors`, read 2026-11. */
const rows: Readonly<Record<string, Row>> = {
  AI_APICallError: explainAnswer,
  AI_UnsupportedFunctionalityError: ({ functionality, message }, { provider, model }) =>
    unsupported(
      "prompt",
      { provider, model },
      `${quote(asString(functionality) ?? asString(message) ?? "")}: ${LEAVE}`,
    ),
  AI_NoSuchProviderReferenceError: (_, target) => unsupported("prompt", target, "send the file's bytes instead"),
  AI_InvalidPromptError: invalid,
  AI_InvalidArgumentError: invalid,
  AI_LoadAPIKeyError: misconfigured,
  AI_LoadSettingError: misconfigured,
  AI_NoSuchModelError: (_, { provider, model }) =>
    upstreamFailure(ErrorReason.UPSTREAM_MODEL_NOT_FOUND, {
      status: undefined,
      what: `${provider} has no model ${JSON.stringify(model)}`,
      words: "",
      retryAfterMs: undefined,
    }),
  AI_JSONParseError: malformed,
  AI_TypeValidationError: malformed,
  AI_EmptyResponseBodyError: malformed,
  AI_NoContentGeneratedError: malformed,
  // Packages that see a stream end without a reason say so of no data.
  AI_InvalidResponseDataError: (error) => (error.data === undefined ? truncatedAnswer() : malformed(error)),
};

const LEAVE = "leave it out or choose another model";

/** An answer that was no success, or could not be read as one. */
function explainAnswer(error: JsonRecord, { wallNow }: Failed): GatewayError {
  const { statusCode: status, responseHeaders, responseBody, isRetryable, message } = error;
  if (typeof status !== "number") {
    return upstreamFailure(ErrorReason.UPSTREAM_UNREACHABLE, {
      status: undefined,
      what: "The upstream cannot be reached",
      words: asString(message) ?? "",
      retryAfterMs: undefined,
    });
  }
  if (status >= 200 && status < 300)
    return malformedAnswer("none that its package can read", asString(responseBody) ?? "");
  const headers = (asRecord(responseHeaders) ?? {}) as Record<string, string>;
  const said = explainBody({ status, headers }, asString(responseBody) || (asString(message) ?? ""), wallNow);
  // A package may know better than the status what a second request would bring.
  if (isRetryable === true && said.reason === ErrorReason.UPSTREAM_INVALID_REQUEST)
    return as(ErrorReason.UPSTREAM_ERROR, said);
  if (isRetryable === false && said.reason === ErrorReason.UPSTREAM_RATE_LIMITED) {
    return as(ErrorReason.UPSTREAM_QUOTA_EXHAUSTED, said);
  }
  return said;
}

function as(reason: ErrorReason, { message, metadata, retryAfterMs }: GatewayError): GatewayError {
  return new GatewayError(reason, message, { metadata, retryAfterMs, quoted: message });
}

/** Explains an error inside an answer that began as a success: an error of the package, or the provider's own words. */
export function explainInAnswer(thrown: unknown, failed: Failed): GatewayError {
  if (thrown instanceof Error) return explain(thrown, failed);
  const said = asRecord(thrown) ?? { message: typeof thrown === "string" ? thrown : "" };
  return explainEnvelope({ error: { status: said.statusCode, ...said } });
}

/** The package says that an error ended the answer, and not which. */
export function explainStop(raw: string | undefined): GatewayError {
  return upstreamFailure(ErrorReason.UPSTREAM_ERROR, {
    status: undefined,
    what: "The upstream failed while it answered",
    words: raw ?? "",
    retryAfterMs: undefined,
  });
}
