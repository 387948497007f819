import type { CallWatch } from "../../src/domain/watch.ts";

/** Watches nothing, for calls that a test makes itself. */
export const unwatched: CallWatch = {
  admitted: () => {},
  routed: () => {},
  attempt: () => ({ headers: {}, came: () => {}, ended: () => {} }),
  reattempt: () => {},
  shadow: () => unwatched,
  shadowDropped: () => {},
  ended: () => {},
};
