import type { Call } from "../domain/call.ts";
import type { Target } from "../provider/upstream.ts";

/** A call whose targets are chosen: in order of preference, at least one. */
export interface RoutedCall extends Call {
  readonly targets: readonly Target[];
}
