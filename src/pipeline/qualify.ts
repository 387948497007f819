import type { Stage } from "../domain/call.ts";
import type { CapabilityBook } from "../models/capability-book.ts";
import { targetName } from "../provider/upstream.ts";
import { capableTargets } from "../routing/capable.ts";
import type { ResolvedCall } from "./stages.ts";

/**
 * Leaves only targets that can do what the call asks. Before they are put into order, so that a strategy chooses among
 * these alone, and before any attempt, so that it costs none; throws what the first target lacks, where all lack
 * something.
 */
export function qualify(capabilities: CapabilityBook): Stage<ResolvedCall> {
  return (next) => (call) => {
    const { candidates, decision, prompt } = call;
    const capable = capableTargets(candidates, prompt, capabilities, (target, { violations }) => {
      const [lack] = violations;
      decision.skipped.push(
        `${targetName(target)}: ${lack === undefined ? "cannot" : `${lack.field} ${lack.description}`}`,
      );
    });
    return next(capable === candidates ? call : { ...call, candidates: capable });
  };
}
