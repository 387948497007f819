import type { Section } from "./case.ts";
import { clientAttacks } from "./client-attacks.ts";
import { clientCalls } from "./client-calls.ts";
import { clientSilence } from "./client-silence.ts";
import { cuts } from "./cuts.ts";
import { processFaults } from "./process.ts";
import { storms } from "./storms.ts";
import { upstreamAnswers } from "./upstream-answers.ts";
import { upstreamConnections } from "./upstream-connections.ts";
import { upstreamWaits } from "./upstream-waits.ts";

/** In the order of the catalogue. */
export const sections: readonly Section[] = [
  upstreamConnections,
  upstreamAnswers,
  upstreamWaits,
  cuts,
  clientCalls,
  clientAttacks,
  clientSilence,
  processFaults,
  storms,
];
