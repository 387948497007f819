/** One call, and all that its caller was told. */
import { type Client, ConnectError } from "@connectrpc/connect";
import type { Attempt, GatewayService } from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";
import { describeAttempt, describeError, type Outcome } from "../support/outcome.ts";

export type Delivery = "unary" | "stream";

export interface CallOptions {
  /** Default `grpc`. */
  readonly door?: "grpc" | "connect";
  readonly handling?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Runs for each event of a stream. */
  readonly onEvent?: (name: string | undefined) => void;
}

export interface CallRecord extends Outcome {
  readonly model: string;
  readonly delivery: Delivery;
  readonly timeoutMs: number;
  readonly tookMs: number;
  /** How many ends a stream told, and how many events came after the first of them. */
  readonly ends: number;
  /** Something of a streamed answer came: more than its start. */
  readonly shown: boolean;
  readonly afterEnd: number;
  readonly requestId: string;
  /** Everything of the answer that could carry a secret: message, details, headers, trailers. */
  readonly told: string;
}

/** Ends long after every timeout of the gateway's configuration here. */
const DEADLINE_MS = 5000;

/** The client has no timer of its own before this: what it is told of the deadline is the gateway's word. */
const GIVE_UP_MS = 10_000;

/** In every prompt: no log, no metric and no span may hold it. */
export const PROMPT_CANARY = "prompt-canary-5b0d";

/** Makes a call and waits for its end. Never rejects for a failed call. */
export async function makeCall(
  client: Client<typeof GatewayService>,
  delivery: Delivery,
  model: string,
  { handling, timeoutMs = DEADLINE_MS, signal, onEvent = () => {} }: CallOptions = {},
): Promise<CallRecord> {
  const request = { ...ask(model, PROMPT_CANARY), ...(handling === undefined ? {} : { handling }) };
  const told: string[] = [];
  let requestId = "";
  const onHeader = (headers: Headers): void => {
    requestId = headers.get("sluice-request-id") ?? requestId;
    told.push(...[...headers].flat());
  };
  const headers = { "grpc-timeout": `${timeoutMs}m`, "connect-timeout-ms": String(timeoutMs) };
  const giveUp = AbortSignal.timeout(timeoutMs + GIVE_UP_MS);
  const signals = AbortSignal.any(signal === undefined ? [giveUp] : [giveUp, signal]);
  const options = { headers, signal: signals, onHeader, onTrailer: onHeader };
  const startedAt = performance.now();
  let text = "";
  let ends = 0;
  let shown = false;
  let afterEnd = 0;
  let outcome: Omit<Outcome, "text">;
  try {
    let attempts: readonly Attempt[] = [];
    if (delivery === "unary") {
      const response = await client.complete(request, options);
      for (const { content } of response.parts) if (content.case === "text") text += content.value;
      attempts = response.attempts;
      ends = 1;
    } else {
      const pieces: { sequence: number; text: string }[] = [];
      for await (const { event, sequence } of client.stream(request, options)) {
        if (ends > 0) afterEnd++;
        if (event.case !== "start" && event.case !== "end") shown = true;
        if (event.case === "blockDelta") pieces.push({ sequence, text: event.value.text });
        if (event.case === "restart") {
          const from = event.value.discardFromSequence;
          while ((pieces.at(-1)?.sequence ?? 0) >= from && pieces.length > 0) pieces.pop();
        }
        text = pieces.map((piece) => piece.text).join("");
        if (event.case === "end") {
          ends++;
          attempts = event.value.attempts;
        }
        onEvent(event.case);
      }
    }
    outcome = { code: "OK", attempts: attempts.map(describeAttempt) };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    outcome = describeError(error);
    onHeader(error.metadata);
    told.push(
      error.message,
      ...error.details.map((one) => ("value" in one ? Buffer.from(one.value as Uint8Array).toString("latin1") : "")),
    );
  }
  const tookMs = performance.now() - startedAt;
  return {
    ...outcome,
    text,
    model,
    delivery,
    timeoutMs,
    tookMs,
    ends,
    shown,
    afterEnd,
    requestId,
    told: told.join("\n"),
  };
}
