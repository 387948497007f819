import type { CountCall, Handler } from "../domain/call.ts";
import type { CountTokensResponse } from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";
import { countPromptTokens } from "./prompt-tokens.ts";
import { findTargets, type Routes } from "./route.ts";
import { type RequestParts, runRequest, type WholeRequest } from "./run-request.ts";
import { Tries, type TriesOptions } from "./tries.ts";

export interface CountOptions extends TriesOptions, RequestParts {
  readonly routes: Routes;
}

/** Counts a prompt's tokens at the first of its targets that can: by the provider or, where it has no counter, here. */
export function count(options: CountOptions): Handler<CountCall, CountTokensResponse> {
  return async (call) => {
    const tries = new Tries(call, findTargets(call.prompt, "prompt", options.routes), options);
    for (let attempts = 0; ; ) {
      if (call.signal.aborted) throw toGatewayError(call.signal.reason);
      const { target } = tries;
      let request: WholeRequest<number> | undefined;
      try {
        request = prepare(call, target);
      } catch (thrown) {
        tries.cannot(thrown);
        attempts = 0;
        continue;
      }
      if (request === undefined) return respond(call, target, countPromptTokens(call.prompt, target.model), true);
      try {
        const { result } = await runRequest(call, target, request, options);
        return respond(call, target, result, false);
      } catch (thrown) {
        attempts = await tries.failed(thrown, attempts + 1);
      }
    }
  };
}

/** Counting is free, and nobody answers but a counter. Undefined where the provider counts nothing. */
function prepare({ prompt }: CountCall, { provider, model }: Target): WholeRequest<number> | undefined {
  const counter = provider.counter(prompt, model);
  return (
    counter && {
      send: counter.send,
      decode: counter.decode,
      identify: () => ({ servedModel: "", responseId: "" }),
      settle: () => ({ usage: undefined, cost: undefined }),
    }
  );
}

function respond(
  call: CountCall,
  { provider, model }: Target,
  inputTokens: number,
  estimated: boolean,
): CountTokensResponse {
  return {
    $typeName: "sluice.v1.CountTokensResponse",
    requestId: call.id,
    inputTokens,
    estimated,
    provider: provider.name,
    model,
    attempts: call.attempts,
  };
}
