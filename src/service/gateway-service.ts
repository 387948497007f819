import { create } from "@bufbuild/protobuf";
import type { Answer, Call, Handler, Rest } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { collect } from "../domain/collect.ts";
import {
  type CompleteRequest,
  CompleteRequestSchema,
  ErrorReason,
  GatewayService,
  OnStreamFailure,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
} from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch, Delivery } from "../domain/event.ts";
import type { Arrival, CallWatcher } from "../domain/watch.ts";
import type { Calls } from "./calls.ts";
import type { Caller, OnUnreadable, RpcContext, ServiceObject } from "./context.ts";
import { isPlainAndValid } from "./plain-request.ts";
import { rejection } from "./rejection.ts";
import { validate, validateRoles } from "./validate.ts";

/** How calls are treated; who uses one says when, so that it is not taken away meanwhile. */
export interface CallPlan {
  readonly handle: Handler<Call>;
  /** Deadline of calls that bring none, ms from their arrival. */
  readonly defaultDeadlineMs: number;
  enter(): void;
  leave(): void;
}

/** A call that may run. `close` must be called, however it ends. */
interface Admitted {
  readonly call: Call;
  readonly answer: () => Promise<Answer>;
  readonly close: () => void;
}

export interface GatewayServiceOptions {
  readonly calls: Calls;
  /** The plan for a call that comes now. */
  readonly plan: () => CallPlan;
  readonly watcher: CallWatcher;
  readonly clock: Clock;
}

/** `sluice.v1.GatewayService`: requests in, the pipeline's events out, whole or streamed. */
export function createGatewayService(options: GatewayServiceOptions): ServiceObject<typeof GatewayService> {
  const { calls, plan: currentPlan, watcher, clock } = options;

  function admit(request: CompleteRequest | StreamRequest, delivery: Delivery, context: RpcContext): Admitted {
    const arrivedAt = clock.now();
    const watch = watcher.arrived(toArrival(delivery, context));
    try {
      check(delivery === "unary" ? CompleteRequestSchema : StreamRequestSchema, request);
      const plan = currentPlan();
      const { defaultDeadlineMs } = plan;
      const { call, close } = calls.open(request, { delivery, arrivedAt, defaultDeadlineMs, watch }, context);
      plan.enter();
      watch.admitted(call);
      return {
        call,
        answer: () => plan.handle(call),
        close() {
          close();
          plan.leave();
        },
      };
    } catch (thrown) {
      const error = toGatewayError(thrown);
      watch.ended(rejection(error, request, clock.now() - arrivedAt));
      throw error;
    }
  }

  return {
    async complete(request, context) {
      const { answer, close } = admit(request, "unary", context);
      try {
        return await collect(await answer());
      } finally {
        close();
      }
    },

    async *stream(request, context) {
      const { call, answer, close } = admit(request, "stream", context);
      let sequence = 0;
      let rest: Rest | undefined;
      try {
        const begun = await answer();
        rest = begun.rest;
        for (let events: Batch | undefined = begun.first; events !== undefined; events = await rest?.next()) {
          for (const event of events) {
            // A slow reader may be in the middle of a batch when its time is up.
            if (call.signal.aborted) throw toGatewayError(call.signal.reason);
            const response: StreamResponse = { $typeName: "sluice.v1.StreamResponse", sequence: ++sequence, event };
            yield response;
          }
        }
      } finally {
        rest?.leave();
        close();
      }
    },
  };
}

/** Reports requests that never reached the service, because they are none. */
export function reportUnreadable({ watcher }: Pick<GatewayServiceOptions, "watcher">): OnUnreadable {
  return (method, caller, error) => {
    const delivery = method.methodKind === "unary" ? "unary" : "stream";
    watcher.arrived(toArrival(delivery, caller)).ended(rejection(error, undefined, 0));
  };
}

function toArrival(delivery: Delivery, caller: Caller): Arrival {
  return {
    requestId: caller.requestId,
    delivery,
    system: caller.system,
    method: methods[delivery],
    traceparent: caller.header("traceparent"),
    tracestate: caller.header("tracestate"),
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
  if (isPlainAndValid(request)) return;
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
    asked: ({ handling }) => handling?.onStreamFailure === OnStreamFailure.CONTINUE,
  },
  { field: "handling.priority", asked: ({ handling }) => (handling?.priority ?? 0) !== 0 },
  { field: "handling.resumable", asked: ({ handling }) => handling?.resumable === true },
  { field: "handling.routing", asked: ({ handling }) => handling?.routing !== undefined },
  { field: "resume", asked: (request) => "resume" in request && request.resume !== undefined },
];

const { name: complete } = GatewayService.method.complete;
const { name: stream } = GatewayService.method.stream;

const methods: { readonly [D in Delivery]: string } = {
  unary: `${GatewayService.typeName}/${complete}`,
  stream: `${GatewayService.typeName}/${stream}`,
};
