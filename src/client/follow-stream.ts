import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError } from "@connectrpc/connect";
import type { GatewayService, StreamRequestSchema, StreamResponse } from "../../gen/sluice/v1/gateway_service_pb.ts";
import { type Answer, AnswerFold } from "./answer.ts";
import { hostPace, type Pace } from "./wait.ts";

export interface FollowOptions {
  /** Leaves: the call is cancelled, and following it fails with what has come. */
  readonly signal?: AbortSignal;
  /** Time for all of it, reconnecting included, ms. Without it, the gateway's default deadline. */
  readonly timeoutMs?: number;
  readonly headers?: NonNullable<CallOptions["headers"]>;
  /** How long to try to reconnect while nothing comes, ms. Default 30,000, the gateway's own default. */
  readonly reconnectForMs?: number;
  readonly pace?: Pace;
}

/** A stream that was not followed to its end. `answer` is what has come: it is not whole. */
export class IncompleteAnswerError extends Error {
  readonly answer: Answer;
  /** Why; its details say more where they are the gateway's. */
  override readonly cause: ConnectError;

  constructor(answer: Answer, cause: ConnectError) {
    super(`The answer is not whole: ${cause.message}`, { cause });
    this.name = "IncompleteAnswerError";
    this.answer = answer;
    this.cause = cause;
  }
}

type Request = Pick<MessageInitShape<typeof StreamRequestSchema>, "attribution" | "prompt" | "handling">;
type StreamClient = Pick<Client<typeof GatewayService>, "stream">;

/** Wait before the first reconnection and the longest one, ms: random up to that, and doubled each time. */
const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
const RECONNECT_FOR_MS = 30_000;

/** How long the gateway gets to hear that nobody wants the answer any more, ms. */
const CANCEL_TIMEOUT_MS = 5000;

/**
 * Streams an answer, and yields it as far as it has come with each event; the last one that is yielded is whole, and has
 * its `end`. A lost connection is taken up again where it broke. Throws `IncompleteAnswerError` where there is no end,
 * however that came about. Leaving the loop cancels the call.
 *
 * Works wherever Connect does, over any of its transports.
 */
export async function* followStream(
  client: StreamClient,
  request: Request,
  options: FollowOptions = {},
): AsyncGenerator<Answer, void, undefined> {
  const { signal, timeoutMs, headers, reconnectForMs = RECONNECT_FOR_MS, pace = hostPace } = options;
  const asked = { ...request, handling: { ...request.handling, resumable: true } } as Request;
  const base: CallOptions = headers === undefined ? {} : { headers };
  const until = timeoutMs === undefined ? Number.POSITIVE_INFINITY : pace.now() + timeoutMs;
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  signal?.addEventListener("abort", leave);
  if (signal?.aborted === true) leave();
  const fold = new AnswerFold();
  let last = 0;
  let requestId = "";
  /** Since when nothing came. */
  let silentSince = pace.now();
  let delayMs = BASE_DELAY_MS;
  let isOver = false;
  try {
    for (;;) {
      const call: CallOptions = {
        ...base,
        signal: leaving.signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, Math.ceil(until - pace.now())) }),
        onHeader(given) {
          requestId ||= given.get("sluice-request-id") ?? "";
        },
      };
      let broken: ConnectError;
      try {
        const resume = requestId === "" ? {} : { resume: { requestId, afterSequence: last } };
        for await (const response of client.stream({ ...asked, ...resume }, call)) {
          checkOrder(response, last);
          last = response.sequence;
          silentSince = pace.now();
          delayMs = BASE_DELAY_MS;
          const answer = fold.add(response);
          isOver = answer.end !== undefined;
          yield answer;
          if (isOver) return;
        }
        broken = new ConnectError("the stream has no end", Code.DataLoss);
      } catch (thrown) {
        broken = ConnectError.from(thrown);
      }
      const waitMs = pace.random() * delayMs;
      const resumeBy = Math.min(until, silentSince + reconnectForMs);
      if (leaving.signal.aborted || requestId === "" || !isLost(broken) || pace.now() + waitMs >= resumeBy) {
        isOver = !leaving.signal.aborted && !isLost(broken);
        throw new IncompleteAnswerError(fold.answer, broken);
      }
      await pace.wait(waitMs, leaving.signal);
      delayMs = Math.min(MAX_DELAY_MS, delayMs * 2);
    }
  } finally {
    signal?.removeEventListener("abort", leave);
    if (!isOver) {
      leave();
      if (requestId !== "") void cancel(client, { ...asked, resume: { requestId, cancel: true } }, base);
    }
  }
}

/** Over HTTP/1.1, the gateway takes who leaves for somebody who may come back: it must be told. Never rejects. */
async function cancel(
  client: StreamClient,
  request: MessageInitShape<typeof StreamRequestSchema>,
  options: CallOptions,
): Promise<void> {
  try {
    for await (const _ of client.stream(request, { ...options, timeoutMs: CANCEL_TIMEOUT_MS }));
  } catch {
    // It always ends in an error; and where the gateway does not hear of it, it waits in vain for a while.
  }
}

/** What transports and proxies say when a connection breaks or cannot be had. */
const lossCodes: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.DataLoss,
  Code.Internal,
  Code.Unavailable,
  Code.Unknown,
]);

/** Whether the connection failed, and not the call: what the gateway itself says comes with its details. */
function isLost({ code, details }: ConnectError): boolean {
  return lossCodes.has(code) && !details.some((detail) => "type" in detail && detail.type === "google.rpc.ErrorInfo");
}

/** Throws where an event is missing or comes twice: nothing that is built on it would be right. */
function checkOrder({ sequence }: StreamResponse, last: number): void {
  if (sequence === last + 1) return;
  throw new ConnectError(`event ${sequence} came after ${last}`, Code.DataLoss);
}
