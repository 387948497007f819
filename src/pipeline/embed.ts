import type { EmbedCall, Handler } from "../domain/call.ts";
import type { Attempt, EmbedResponse, Usage } from "../domain/contract.ts";
import { addCosts } from "../pricing/add-costs.ts";
import { estimateTokens } from "../pricing/estimate.ts";
import type { Embedded } from "../provider/dialect.ts";
import type { Target } from "../provider/upstream.ts";
import type { Accounts } from "./account.ts";
import { splitTexts } from "./batches.ts";
import { Parts } from "./parts.ts";
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
    const { model } = call.input;
    const { clock, retry } = options;
    const targets = findTargets(call.input, "input", options.routes);
    const write = (target: Target) => prepare(call, target, options.accounts);
    const tries = new Tries({ call, model, targets, write }, options);
    for (let spent = 0; ; ) {
      const leave = await tries.next();
      const { target, health } = leave;
      tries.started(target);
      const parts = new Parts(tries, leave, { model, maxRetryAfterMs: retry.maxRetryAfterMs, spent });
      try {
        const answers = await askTogether(call, leave.request, { clock, atOnce: parts.atOnce }, (request, part) =>
          parts.ask(part, (pass) => runRequest(part, { target, request, health, pass }, options)),
        );
        if (answers !== undefined) return join(call, target, answers);
      } finally {
        parts.close();
      }
      spent = parts.spent;
      tries.leaves.moveOn();
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
