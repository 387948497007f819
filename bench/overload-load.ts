/** The generator of overload, a process of its own: takes commands from its parent one by one and answers each. */
import { toBinary } from "@bufbuild/protobuf";
import { CompleteRequestSchema, StreamRequestSchema } from "../gen/sluice/v1/gateway_service_pb.ts";
import { service, toRequest } from "./contract.ts";
import type { OverloadCommand, OverloadReply, OverloadResult } from "./overload-protocol.ts";
import { RawConnection, type RawRequest, toRawRequest } from "./raw-http2.ts";
import { percentile } from "./statistics.ts";

/** As many callers' machines as the load comes from, with as many streams each as the gateway takes. */
const CONNECTIONS = 24;
const STREAMS = 100;

/** How often calls that are due are sent, ms. */
const PACE_MS = 2;

/** Wait of a caller in a closed loop after a refusal, ms. */
const BACKOFF_MS = 100;

/** Deadline of each call; and what the last calls of a run get to end, ms. */
const TIMEOUT = "20S";
const DRAIN_MS = 5000;

/** Latencies that are kept of a run; of more, every second, fourth and so on. */
const MAX_SAMPLES = 200_000;

class Samples {
  #kept: number[] = [];
  #every = 1;
  #count = 0;

  add(value: number): void {
    if (this.#count++ % this.#every !== 0) return;
    this.#kept.push(value);
    if (this.#kept.length < MAX_SAMPLES) return;
    this.#kept = this.#kept.filter((_, at) => at % 2 === 0);
    this.#every *= 2;
  }

  at(share: number): number {
    return percentile(this.#kept, share);
  }
}

class Run {
  readonly #connections: readonly RawConnection[];
  readonly #request: RawRequest;
  readonly #command: OverloadCommand;
  readonly #startedAt = performance.now();
  readonly #first = new Samples();
  readonly #refusedAfter = new Samples();
  readonly #seconds: { sent: number; answered: number }[] = [];
  #at = 0;
  #sent = 0;
  #unsent = 0;
  #answered = 0;
  #refused = 0;
  #broken = 0;
  #inFlight = 0;

  constructor(command: OverloadCommand, connections: readonly RawConnection[]) {
    const { address, delivery, model } = command;
    this.#command = command;
    this.#connections = connections;
    const message =
      delivery === "stream"
        ? toBinary(StreamRequestSchema, toRequest(StreamRequestSchema, model))
        : toBinary(CompleteRequestSchema, toRequest(CompleteRequestSchema, model));
    const { path } = delivery === "stream" ? service.stream : service.complete;
    this.#request = toRawRequest(path, address, message, TIMEOUT);
  }

  async whole(): Promise<OverloadResult> {
    const { load } = this.#command;
    await (load.kind === "closed" ? this.#closed(load.callers) : this.#open(load.rate));
    const wallMs = performance.now() - this.#startedAt;
    const drainedBy = performance.now() + DRAIN_MS;
    while (this.#inFlight > 0 && performance.now() < drainedBy) await delay(20);
    return {
      wallMs,
      sent: this.#sent,
      unsent: this.#unsent,
      answered: this.#answered,
      refused: this.#refused,
      broken: this.#broken + this.#inFlight,
      firstP50Ms: this.#first.at(0.5),
      firstP99Ms: this.#first.at(0.99),
      refusedP50Ms: this.#refusedAfter.at(0.5),
      refusedP99Ms: this.#refusedAfter.at(0.99),
      seconds: this.#seconds,
    };
  }

  async #open(rate: number): Promise<void> {
    const { durationMs } = this.#command;
    let due = 0;
    for (;;) {
      const now = performance.now() - this.#startedAt;
      if (now >= durationMs) return;
      for (const until = (now * rate) / 1000; due < until; due++) this.#send(() => {});
      await delay(PACE_MS);
    }
  }

  async #closed(callers: number): Promise<void> {
    const endsAt = this.#startedAt + this.#command.durationMs;
    const call = (): void => {
      if (performance.now() >= endsAt) return;
      this.#send((how) => {
        if (how === "answered") call();
        else setTimeout(call, BACKOFF_MS);
      });
    };
    for (let caller = 0; caller < callers; caller++) {
      call();
      // Together they would come in waves for ever.
      if (caller % 8 === 7) await delay(PACE_MS);
    }
    await delay(endsAt - performance.now());
  }

  #send(ended: (how: "answered" | "refused" | "broken") => void): void {
    const connection = this.#free();
    const sentAt = performance.now();
    if (connection === undefined) {
      this.#unsent++;
      setTimeout(() => ended("broken"), 0);
      return;
    }
    const second = Math.floor((sentAt - this.#startedAt) / 1000);
    const counts = this.#seconds[second] ?? { sent: 0, answered: 0 };
    this.#seconds[second] = counts;
    counts.sent++;
    this.#sent++;
    this.#inFlight++;
    connection.send(this.#request, {
      onFirst: () => this.#first.add(performance.now() - sentAt),
      onEnd: (how) => {
        this.#inFlight--;
        if (how === "answered") {
          counts.answered++;
          this.#answered++;
        } else if (how === "refused") {
          this.#refused++;
          this.#refusedAfter.add(performance.now() - sentAt);
        } else this.#broken++;
        ended(how);
      },
    });
  }

  #free(): RawConnection | undefined {
    for (let tried = 0; tried < this.#connections.length; tried++) {
      const connection = this.#connections[this.#at++ % this.#connections.length];
      if (connection?.hasRoom === true) return connection;
    }
    return undefined;
  }
}

async function run(command: OverloadCommand): Promise<OverloadResult> {
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => RawConnection.open(command.address, STREAMS)),
  );
  try {
    return await new Run(command, connections).whole();
  } finally {
    for (const connection of connections) connection.close();
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

process.on("message", (command: OverloadCommand) => {
  const reply = (message: OverloadReply): void => {
    process.send?.(message);
  };
  run(command).then(
    (result) => reply({ result }),
    (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.stdout.write(`${JSON.stringify({ msg: "ready" })}\n`);
