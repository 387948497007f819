/** How a target does, as this instance has seen it. Undefined is what nobody knows. */
export interface HealthReport {
  readonly breaker:
    | {
        readonly state: "closed" | "open" | "half-open";
        /** For people; empty where it never was in another state. */
        readonly why: string;
        /** Time until a call may try it, ms; 0 where one may now. */
        readonly probeInMs: number;
      }
    | undefined;
  /** It asked to be left alone for so long, ms; 0 where it may be asked. */
  readonly notBefore: { readonly waitMs: number; readonly why: string } | undefined;
  /** Further attempts that it could get now. */
  readonly retryBudget: number | undefined;
  /** Attempts that run. */
  readonly inFlight: number | undefined;
  /** Time within which half of the first tokens of late came, ms. */
  readonly timeToFirstTokenMs: number | undefined;
}
