import type { Stage } from "../domain/call.ts";
import type { CapabilityBook } from "../models/capability-book.ts";
import { capableTargets } from "../routing/capable.ts";
import type { RoutedCall } from "./stages.ts";

/**
 * Leaves only targets that can do what the call asks. Before any attempt, so that it costs none; throws what the first
 * target lacks, where all lack something.
 */
export function qualify(capabilities: CapabilityBook): Stage<RoutedCall> {
  return (next) => async (call) => {
    const targets = capableTargets(call.targets, call.prompt, capabilities);
    return await next(targets === call.targets ? call : { ...call, targets });
  };
}
