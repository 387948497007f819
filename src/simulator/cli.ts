import { parseArgs } from "node:util";
import { openSimulator } from "./server.ts";

/** Runs the simulator as a process of its own: `node src/simulator/cli.ts --port 8081 [--host 127.0.0.1] [--log]`. */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    log: { type: "boolean", default: false },
  },
});

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const simulator = await openSimulator({
  host: values.host,
  port: Number(values.port),
  ...(values.log ? { log: print } : {}),
});

for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => void simulator.close());
print({ msg: "ready", url: simulator.url });
