import type { Answer, Handler } from "../domain/call.ts";
import { beginAlone, beginHedged, type Hedging } from "./hedge.ts";
import { Pursuit, type PursuitOptions } from "./pursuit.ts";
import { RestartingAnswer, survivesFailures } from "./restart.ts";
import type { RoutedCall } from "./stages.ts";

export interface AttemptOptions extends PursuitOptions {
  /** Of the models that have it: by the name that the call asked for. */
  readonly hedging: ReadonlyMap<string, Hedging>;
}

/**
 * Asks the call's targets until one has something to show. A failed attempt leaves no trace before that; from then on
 * the call's fate is the attempt's, unless the call wants its stream to begin anew.
 */
export function attempt(options: AttemptOptions): Handler<RoutedCall> {
  return async (call): Promise<Answer> => {
    const hedging = options.hedging.get(call.prompt.model);
    const pursuit = new Pursuit(call, options, hedging === undefined ? beginAlone : beginHedged(call, hedging));
    const begun = await pursuit.next();
    return survivesFailures(call) ? new RestartingAnswer(call, pursuit).begin(begun) : begun.answer;
  };
}
