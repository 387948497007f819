/** Stopping with many streams on many connections: none that ends in its time is cut. */
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { openSimulator } from "../../src/simulator/server.ts";
import { connect, openStream } from "./grpc-streams.ts";
import { spawnGateway } from "./spawn.ts";

const STREAMS = 500;

/** As many as one connection carries. */
const STREAMS_PER_CONNECTION = 100;

const TOKENS = 60;

test(`SIGTERM lets ${STREAMS} streams end whole`, { timeout: 120_000 }, async () => {
  const simulator = await openSimulator();
  const gateway = spawnGateway({
    yaml: `
providers: { house: { dialect: openai-chat, base_url: "${simulator.url}", max_connections: ${STREAMS} } }
limits: { drain_timeout: 90s }
`,
  });
  const clients: grpc.Client[] = [];
  try {
    const { grpc: address } = await gateway.line("ready");
    const streams = Array.from({ length: STREAMS }, (_, n) => {
      if (n % STREAMS_PER_CONNECTION === 0) clients.push(connect(String(address)));
      // Some end soon, others late in the window.
      const rate = 4 + (n % 5);
      return openStream(clients.at(-1) as grpc.Client, `house/text:tokens=${TOKENS}:rate=${rate}`);
    });
    await Promise.all(streams.map(({ begun }) => begun));
    gateway.child.kill("SIGTERM");
    expect(await gateway.line("draining")).toMatchObject({ open_calls: STREAMS });

    const outcomes = await Promise.all(streams.map(({ outcome }) => outcome));
    const whole = { deltas: TOKENS, last: "end", code: grpc.status.OK, details: expect.any(String) as string };
    expect(outcomes.filter((outcome) => outcome.code !== grpc.status.OK).slice(0, 3)).toEqual([]);
    expect(outcomes).toEqual(Array.from({ length: STREAMS }, () => whole));
    const { code, stderr } = await gateway.ended;
    expect([code, stderr, gateway.logged().some(({ msg }) => msg === "calls cut off")]).toEqual([0, "", false]);
    // A client whose connection is going learns at once that there is none any more, and may ask another instance.
    const late = await openStream(clients[0] as grpc.Client, "house/echo").outcome;
    expect([late.code, late.deltas]).toEqual([grpc.status.UNAVAILABLE, 0]);
  } finally {
    for (const client of clients) client.close();
    await gateway.dispose();
    await simulator.close();
  }
});
