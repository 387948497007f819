import { EmbeddingService, type EmbedRequest, EmbedRequestSchema } from "../domain/contract.ts";
import { type AdmitOptions, checkUnrouted, createAdmit, factsOf, type Operations, type Rpc } from "./admit.ts";
import type { ServiceObject } from "./context.ts";
import { validate } from "./validate.ts";

export const embeddingOperations: Operations = { [EmbeddingService.method.embed.name]: "embeddings" };

const embedRpc: Rpc<EmbedRequest, { readonly input: NonNullable<EmbedRequest["input"]> }> = {
  ...factsOf(EmbeddingService.method.embed, embeddingOperations),
  check(request) {
    validate(EmbedRequestSchema, request);
    checkUnrouted(request.handling);
  },
  asked: ({ input }) => ({ model: input?.model ?? "", what: input === undefined ? undefined : { input } }),
};

/** `sluice.v1.EmbeddingService`. */
export function createEmbeddingService(options: AdmitOptions): ServiceObject<typeof EmbeddingService> {
  const admit = createAdmit(options);
  return {
    async embed(request, context) {
      const { call, plan, close } = admit(embedRpc, request, context);
      try {
        return await plan.embed(call);
      } finally {
        close();
      }
    },
  };
}
