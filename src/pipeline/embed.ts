import type { EmbedCall, Handler } from "../domain/call.ts";
import type { Attempt, EmbedResponse, Usage } from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import { addCosts } from "../pricing/add-costs.ts";
import { estimateTokens } from "../pricing/estimate.ts";
import type { Embedded } from "../provider/dialect.ts";
import type { Target } from "../provider/upstream.ts";
import type { Accounts } from "./account.ts";
import { splitTexts } from "./batches.ts";
import { findTargets, type Routes } from "./route.ts";
import { type RequestParts, runRequest, type WholeRequest } from "./run-request.ts";
import { askTogether } from "./together.ts";
import { Tries, type TriesOptions } from "./tries.ts";

export interface EmbedOptions extends TriesOptions, RequestParts {
  readonly routes: Routes;
  readonly accounts: Accounts;
}

/** Some of the vectors, and the record of the request that brought them. */
interface Answered {
  readonly result: Embedded;
  readonly attempt: Attempt;
}

/**
 * Asks for vectors, in as many requests as the provider wants. A request that fails is made again; where the next
 * target has to be asked, it is asked for all texts, since vectors of two models cannot be compared.
 */
export function embed(options: EmbedOptions): Handler<EmbedCall, EmbedResponse> {
  return async (call) => {
    const tries = new Tries(call, findTargets(call.input, "input", options.routes), options);
    for (;;) {
      if (call.signal.aborted) throw toGatewayError(call.signal.reason);
      const { target } = tries;
      let requests: readonly WholeRequest<Embedded>[];
      try {
        requests = prepare(call, target, options.accounts);
      } catch (thrown) {
        tries.cannot(thrown);
        continue;
      }
      const answers = await askTogether(call, requests, options.clock, async (request, part) => {
        for (let attempts = 1; ; attempts++) {
          try {
            return await runRequest(part, target, request, options);
          } catch (thrown) {
            if (!(await tries.again(thrown, attempts, part))) return undefined;
          }
        }
      });
      if (answers !== undefined) return join(call, target, answers);
      tries.moveOn();
    }
  };
}

/** The requests for all texts. Throws where the target cannot do what is asked. */
function prepare({ input }: EmbedCall, target: Target, accounts: Accounts): WholeRequest<Embedded>[] {
  const { model } = target;
  const embedder = target.provider.embedder(input, model);
  return splitTexts(input.texts, embedder.limits, model).map((texts) => ({
    send: embedder.prepare(texts),
    decode: (answer) => embedder.decode(answer, texts.length),
    identify: (embedded) => ({ servedModel: embedded?.model ?? "", responseId: embedded?.responseId ?? "" }),
    settle: (embedded, ending) =>
      accounts.settleInput({
        ...ending,
        target,
        servedModel: embedded?.model ?? "",
        usage: embedded?.usage,
        count: () => estimateTokens(texts.join("\n"), model),
      }),
  }));
}

function join(call: EmbedCall, { provider, model }: Target, answers: readonly Answered[]): EmbedResponse {
  const usage = addUsages(answers.map(({ attempt }) => attempt.usage));
  const cost = addCosts(call.attempts);
  return {
    $typeName: "sluice.v1.EmbedResponse",
    requestId: call.id,
    embeddings: answers.flatMap(({ result }) =>
      result.vectors.map((values) => ({ $typeName: "sluice.v1.Embedding" as const, values })),
    ),
    ...(usage === undefined ? {} : { usage }),
    ...(cost === undefined ? {} : { cost }),
    provider: provider.name,
    model: answers.find(({ result }) => result.model !== "")?.result.model ?? model,
    attempts: call.attempts,
  };
}

function addUsages(usages: readonly (Usage | undefined)[]): Usage | undefined {
  let inputTokens = 0;
  let estimated = false;
  for (const usage of usages) {
    if (usage?.inputTokens === undefined) return undefined;
    inputTokens += usage.inputTokens;
    estimated ||= usage.estimated;
  }
  return { $typeName: "sluice.v1.Usage", inputTokens, estimated };
}
