import { create } from "@bufbuild/protobuf";
import type { Call, Delivery, Handler } from "../domain/call.ts";
import { collect } from "../domain/collect.ts";
import {
  type CompleteRequest,
  CompleteRequestSchema,
  ErrorReason,
  type GatewayService,
  OnStreamFailure,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
} from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Calls, OpenCall } from "./calls.ts";
import type { RpcContext, ServiceObject } from "./context.ts";
import { validate, validateRoles } from "./validate.ts";

/** Hears of requests that never became calls. */
export type OnRejected = (error: GatewayError, requestId: string, request: CompleteRequest | StreamRequest) => void;

/** `sluice.v1.GatewayService`: requests in, the pipeline's events out, whole or streamed. */
export function createGatewayService(
  calls: Calls,
  handle: Handler<Call>,
  onRejected: OnRejected,
): ServiceObject<typeof GatewayService> {
  function admit(request: CompleteRequest | StreamRequest, delivery: Delivery, context: RpcContext): OpenCall {
    try {
      check(delivery === "unary" ? CompleteRequestSchema : StreamRequestSchema, request);
      return calls.open(request, delivery, context);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      onRejected(error, context.requestId, request);
      throw error;
    }
  }

  return {
    async complete(request, context) {
      const { call, close } = admit(request, "unary", context);
      try {
        return await collect(handle(call));
      } finally {
        close();
      }
    },

    async *stream(request, context) {
      const { call, close } = admit(request, "stream", context);
      let sequence = 0;
      try {
        for await (const events of handle(call)) {
          for (const event of events) {
            // A slow reader may be in the middle of a batch when its time is up.
            if (call.signal.aborted) throw toGatewayError(call.signal.reason);
            const response: StreamResponse = { $typeName: "sluice.v1.StreamResponse", sequence: ++sequence, event };
            yield response;
          }
        }
      } finally {
        close();
      }
    },
  };
}

/**
 * Runs every request's rules once, so that no caller waits for the validator to compile them (about 0.1 s).
 * Throws where a rule itself is wrong.
 */
export function warmUp(): void {
  for (const schema of [CompleteRequestSchema, StreamRequestSchema]) {
    const request = create(schema, {
      attribution: { feature: "warm-up", metadata: { a: "b" } },
      handling: {},
      prompt: {
        model: "m",
        messages: [{ role: 2, parts: [{ content: { case: "text", value: "t" } }] }],
        tools: [{ name: "t" }],
      },
    });
    validate(schema, request);
  }
}

function check(
  schema: typeof CompleteRequestSchema | typeof StreamRequestSchema,
  request: CompleteRequest | StreamRequest,
): void {
  validate(schema, request);
  validateRoles(request.prompt?.messages ?? []);
  for (const { field, asked } of notImplemented) {
    if (asked(request)) {
      throw new GatewayError(
        ErrorReason.NOT_IMPLEMENTED,
        `${field}: this version does not do this yet; leave it unset.`,
        {
          violations: [{ field, description: "not implemented" }],
        },
      );
    }
  }
}

/** Fields of the contract whose behaviour does not exist yet: refused, never ignored. */
const notImplemented: readonly { field: string; asked: (request: CompleteRequest | StreamRequest) => boolean }[] = [
  { field: "handling.idempotency_key", asked: ({ handling }) => (handling?.idempotencyKey ?? "") !== "" },
  {
    field: "handling.on_stream_failure",
    asked: ({ handling }) =>
      handling?.onStreamFailure === OnStreamFailure.RESTART || handling?.onStreamFailure === OnStreamFailure.CONTINUE,
  },
];
