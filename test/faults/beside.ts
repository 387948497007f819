/** Healthy calls beside a case: others are not affected. */
import { makeCall } from "./call.ts";
import { measureWaits } from "./machine.ts";
import { HEALTHY, type Stage } from "./stage.ts";

/** How soon a healthy call must be answered, ms. */
const HEALTHY_MS = 1000;

/** Does the work, with one healthy call after the other beside it; a slow or failed one is a miss. */
export async function besideHealthyCalls<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  let over = false;
  const others = (async () => {
    for (let call = 0; !over; call++) {
      const waits = measureWaits([stage.pid, process.pid]);
      const client = call % 2 === 0 ? stage.clients.grpc : stage.clients.connect;
      const { code, tookMs } = await makeCall(client, "stream", HEALTHY);
      if (code !== "OK") stage.miss("I5", `beside the case: ${code}`);
      if (tookMs > HEALTHY_MS + waits()) stage.miss("I5", `beside the case: ${Math.round(tookMs)} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    return await work();
  } finally {
    over = true;
    await others;
  }
}
