import type { Rest } from "../domain/call.ts";
import { collect } from "../domain/collect.ts";
import {
  type CompleteRequest,
  CompleteRequestSchema,
  GatewayService,
  type Prompt,
  type Resume,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
} from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Batch, Delivery } from "../domain/event.ts";
import {
  type AdmitOptions,
  checkHandling,
  createAdmit,
  factsOf,
  type Operations,
  type Rpc,
  reportRefused,
} from "./admit.ts";
import { cancelled } from "./calls.ts";
import type { RpcContext, ServiceObject } from "./context.ts";
import { isPlainAndValid } from "./plain-request.ts";
import type { Resuming } from "./resume.ts";
import { validate, validateRoles } from "./validate.ts";

export const gatewayOperations: Operations = {
  [GatewayService.method.complete.name]: "chat",
  [GatewayService.method.stream.name]: "chat",
};

type ChatRequest = CompleteRequest | StreamRequest;

/** What is asked of both methods. */
interface Chat {
  readonly prompt: Prompt;
  readonly delivery: Delivery;
}

function chatRpc(
  method: (typeof GatewayService.method)["complete" | "stream"],
  schema: typeof CompleteRequestSchema | typeof StreamRequestSchema,
): Rpc<ChatRequest, Chat> {
  const facts = factsOf(method, gatewayOperations);
  const { delivery } = facts;
  return {
    ...facts,
    check(request) {
      if (isPlainAndValid(request)) return;
      validate(schema, request);
      validateRoles(request.prompt?.messages ?? []);
      checkHandling(request.handling);
    },
    asked: ({ prompt }) => ({
      model: prompt?.model ?? "",
      what: prompt === undefined ? undefined : { prompt, delivery },
    }),
  };
}

const completeRpc = chatRpc(GatewayService.method.complete, CompleteRequestSchema);
const streamRpc = chatRpc(GatewayService.method.stream, StreamRequestSchema);

interface GatewayServiceOptions extends AdmitOptions {
  readonly resuming: Resuming;
}

/** `sluice.v1.GatewayService`: requests in, the pipeline's events out, whole or streamed. */
export function createGatewayService(options: GatewayServiceOptions): ServiceObject<typeof GatewayService> {
  const { resuming, clock } = options;
  const admit = createAdmit(options);

  /** A stream that lives as long as its connection. */
  async function* streamOnce(request: StreamRequest, context: RpcContext): AsyncGenerator<StreamResponse> {
    const { call, plan, close } = admit(streamRpc, request, context);
    let sequence = 0;
    let rest: Rest | undefined;
    try {
      const begun = await plan.handle(call);
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
  }

  /** The rest of a stream, which is no call of its own: only where there is none is it reported. */
  async function* takeUp(request: StreamRequest, resume: Resume, context: RpcContext): AsyncGenerator<StreamResponse> {
    const arrivedAt = clock.now();
    let events: AsyncIterable<StreamResponse> | undefined;
    try {
      streamRpc.check(request);
      events = await resuming.takeUp(resume, request, context);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      reportRefused(options, streamRpc, request, context, error, clock.now() - arrivedAt);
      throw error;
    }
    if (events === undefined) throw cancelled();
    yield* events;
  }
  return {
    async complete(request, context) {
      const { call, plan, close } = admit(completeRpc, request, context);
      try {
        return await collect(await plan.handle(call));
      } finally {
        close();
      }
    },

    stream(request, context) {
      if (request.resume !== undefined) return takeUp(request, request.resume, context);
      if (request.handling?.resumable !== true) return streamOnce(request, context);
      return resuming.begin(request, context, (owner) => {
        const { call, plan, close } = admit(streamRpc, request, context, owner);
        return { call, answer: () => plan.handle(call), close };
      });
    },
  };
}
