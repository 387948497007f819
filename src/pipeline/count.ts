import type { CountCall, Handler } from "../domain/call.ts";
import type { CountTokensResponse } from "../domain/contract.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";
import { noTargets } from "./failure.ts";
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
    const { writers, uncounted } = plan(call, findTargets(call.prompt, "prompt", options.routes));
    try {
      if (writers.size > 0 || uncounted === undefined) return await ask(call, writers, options);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (uncounted === undefined || call.signal.aborted || !error.row.mayFailOver) throw error;
    }
    return respond(call, uncounted, countPromptTokens(call.prompt, uncounted.model), true);
  };
}

/** What writes the request to each target that would be asked. */
type Writers = ReadonlyMap<Target, () => WholeRequest<number>>;

/** The targets up to the first one whose provider counts nothing: that one's tokens are always known. */
function plan(call: CountCall, targets: readonly Target[]): { writers: Writers; uncounted: Target | undefined } {
  const writers = new Map<Target, () => WholeRequest<number>>();
  for (const target of targets) {
    let request: WholeRequest<number> | undefined;
    try {
      request = prepare(call, target);
    } catch (thrown) {
      writers.set(target, () => {
        throw thrown;
      });
      continue;
    }
    if (request === undefined) return { writers, uncounted: target };
    const written = request;
    writers.set(target, () => written);
  }
  return { writers, uncounted: undefined };
}

async function ask(call: CountCall, writers: Writers, options: CountOptions): Promise<CountTokensResponse> {
  const write = (target: Target): WholeRequest<number> => {
    const writer = writers.get(target);
    if (writer === undefined) throw noTargets();
    return writer();
  };
  const tries = new Tries({ call, model: call.prompt.model, targets: [...writers.keys()], write }, options);
  return await tries.ask(async (leave) => {
    tries.started(leave.target);
    const { result } = await runRequest(call, leave, options);
    return respond(call, leave.target, result, false);
  });
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
