import type { Rest } from "../domain/call.ts";
import { collect } from "../domain/collect.ts";
import {
  type CompleteRequest,
  CompleteRequestSchema,
  GatewayService,
  type Prompt,
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
  notImplementedYet,
  type Operations,
  type Rpc,
} from "./admit.ts";
import type { ServiceObject } from "./context.ts";
import { isPlainAndValid } from "./plain-request.ts";
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
      if ("resume" in request && request.resume !== undefined) throw notImplementedYet("resume");
    },
    asked: ({ prompt }) => ({
      model: prompt?.model ?? "",
      what: prompt === undefined ? undefined : { prompt, delivery },
    }),
  };
}

const completeRpc = chatRpc(GatewayService.method.complete, CompleteRequestSchema);
const streamRpc = chatRpc(GatewayService.method.stream, StreamRequestSchema);

/** `sluice.v1.GatewayService`: requests in, the pipeline's events out, whole or streamed. */
export function createGatewayService(options: AdmitOptions): ServiceObject<typeof GatewayService> {
  const admit = createAdmit(options);
  return {
    async complete(request, context) {
      const { call, plan, close } = admit(completeRpc, request, context);
      try {
        return await collect(await plan.handle(call));
      } finally {
        close();
      }
    },

    async *stream(request, context) {
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
    },
  };
}
