import type { Behaviour } from "../behaviour.ts";
import { byteFaults } from "./bytes.ts";
import { connectionFaults } from "./connection.ts";
import { eventFaults } from "./events.ts";
import { statusFaults } from "./status.ts";

/** Every fault by model name, `fault.<name>`. */
export const faults: readonly Behaviour[] = [...connectionFaults, ...eventFaults, ...byteFaults, ...statusFaults];
