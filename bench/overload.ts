/** What becomes of a gateway that is asked ten times as much as it can do. */
import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import { CompleteRequestSchema } from "../gen/sluice/v1/gateway_service_pb.ts";
import { type Child, type Children, within } from "./children.ts";
import { service, toRequest } from "./contract.ts";
import { readCpuNs } from "./meter.ts";
import type { OverloadCommand, OverloadReply, OverloadResult } from "./overload-protocol.ts";
import { percentile } from "./statistics.ts";
import type { Subject, Subjects } from "./subjects.ts";

/** What a run of the generator may take beyond its time, ms. */
const GRACE_MS = 20_000;

/** An answer as a model gives it: a while of silence, then 300 words, one by one. */
const TTFT_MS = 100;
const MODEL = `text:tokens=300:ttft=${TTFT_MS}ms:rate=300`;

const FACTOR = 10;
/** Share of saturation of the load before and after, which the gateway carries with ease. */
const EASY = 0.5;
/** How often health is asked, and a call is made whose refusal is read, ms. */
const PROBE_MS = 50;

interface Plan {
  readonly warmUpMs: number;
  /** Callers in a closed loop: saturation is the most that any number of them gets. */
  readonly callers: readonly number[];
  readonly saturationMs: number;
  readonly easyMs: number;
  readonly overloadMs: number;
  readonly afterMs: number;
}

const fullPlan: Plan = {
  warmUpMs: 5000,
  callers: [32, 64, 128, 192, 256, 384],
  saturationMs: 6000,
  easyMs: 8000,
  overloadMs: 60_000,
  afterMs: 12_000,
};

const quickPlan: Plan = {
  warmUpMs: 2000,
  callers: [64, 128, 256],
  saturationMs: 3000,
  easyMs: 4000,
  overloadMs: 15_000,
  afterMs: 8000,
};

export interface OverloadReport {
  readonly lines: readonly string[];
  readonly verdicts: readonly { readonly name: string; readonly ok: boolean }[];
  readonly figures: Readonly<Record<string, unknown>>;
}

interface Probed {
  readonly healthMs: readonly number[];
  /** Refusals that were read, and how many of them said when to come back. */
  readonly refusals: number;
  readonly withRetryInfo: number;
}

export async function measureOverload(children: Children, subjects: Subjects, quick: boolean): Promise<OverloadReport> {
  const plan = quick ? quickPlan : fullPlan;
  await subjects.startUpstream();
  const gateway = await subjects.start("gateway");
  const program = new URL("./overload-load.ts", import.meta.url);
  const generator = await children.start("generator of overload", program, [], { talks: true });
  const say = (what: string): void => void process.stderr.write(`${what}\n`);
  const run = (load: OverloadCommand["load"], durationMs: number): Promise<OverloadResult> =>
    command(generator, { address: gateway.target.address, delivery: "stream", model: MODEL, durationMs, load });

  say("warming up");
  await run({ kind: "closed", callers: 32 }, plan.warmUpMs);
  let saturation = 0;
  let saturationCpu = 0;
  for (const callers of plan.callers) {
    const before = readCpuNs(gateway.child?.pid ?? 0) ?? 0;
    const result = await run({ kind: "closed", callers }, plan.saturationMs);
    if (goodput(result) > saturation) {
      saturation = goodput(result);
      saturationCpu = ((readCpuNs(gateway.child?.pid ?? 0) ?? 0) - before) / 1e6 / result.wallMs;
    }
    say(`${callers} callers: ${goodput(result).toFixed(0)} calls/s, ${result.refused} refused`);
  }
  say(`a load of ${EASY} of ${saturation.toFixed(0)} calls/s`);
  const easy = await run({ kind: "open", rate: saturation * EASY }, plan.easyMs);
  say(`a load of ${FACTOR} times as much, for ${plan.overloadMs / 1000} s`);
  const cpuBefore = [readCpuNs(gateway.child?.pid ?? 0), readCpuNs(generator.pid)];
  const probing = probe(gateway, plan.overloadMs);
  const over = await run({ kind: "open", rate: saturation * FACTOR }, plan.overloadMs);
  const probed = await probing;
  const cpuAfter = [readCpuNs(gateway.child?.pid ?? 0), readCpuNs(generator.pid)];
  const cpu = cpuAfter.map((after, at) => ((after ?? 0) - (cpuBefore[at] ?? 0)) / 1e6 / over.wallMs);
  say("the easy load again");
  const after = await run({ kind: "open", rate: saturation * EASY }, plan.afterMs);
  return report({ saturation, saturationCpu, easy, over, after, probed, cpu, overloadMs: plan.overloadMs });
}

interface Measured {
  readonly saturation: number;
  /** Of the gateway, as a share of a processor. */
  readonly saturationCpu: number;
  readonly easy: OverloadResult;
  readonly over: OverloadResult;
  readonly after: OverloadResult;
  readonly probed: Probed;
  /** Of gateway and generator in overload, as shares of a processor. */
  readonly cpu: readonly number[];
  readonly overloadMs: number;
}

function report(measured: Measured): OverloadReport {
  const { saturation, saturationCpu, easy, over, after, probed, cpu, overloadMs } = measured;
  const share = goodput(over) / saturation;
  // Where others use the machine, the gateway has less time in one run than in the other: this is for the same time.
  const cpuShare = (share * saturationCpu) / (cpu[0] ?? Number.NaN);
  const addedMs = over.firstP99Ms - easy.firstP99Ms;
  const healthP99Ms = percentile(probed.healthMs, 0.99);
  const backAfterS = recovery(after);
  const sentShare = over.sent / (over.sent + over.unsent);
  const verdicts = [
    { name: "goodput in overload ≥ 0.9 of saturation", ok: share >= 0.9 },
    { name: "refusals within 20 ms (p99)", ok: over.refusedP99Ms <= 20 },
    {
      name: "every refusal says when to come back",
      ok: probed.refusals > 0 && probed.withRetryInfo === probed.refusals,
    },
    { name: "calls that were let in: first event at most 50 ms later (p99)", ok: addedMs <= 50 },
    { name: "health within 100 ms (p99)", ok: healthP99Ms <= 100 },
    { name: "0.99 of an easy load answered again within 5 s", ok: backAfterS <= 5 },
  ];
  const rate = ((over.sent + over.unsent) / over.wallMs) * 1000;
  const percent = (value: number | undefined): string => `${((value ?? 0) * 100).toFixed(0)} %`;
  const lines = [
    `saturation, closed loop           ${saturation.toFixed(0)} calls/s, streams of 300 events (${MODEL}); CPU of gateway ${percent(saturationCpu)}`,
    `overload, open loop, ${overloadMs / 1000} s         ${rate.toFixed(0)} calls/s asked for, ${percent(sentShare)} of them sent; CPU of gateway ${percent(cpu[0])}, generator ${percent(cpu[1])}`,
    `  answered                        ${goodput(over).toFixed(0)} calls/s, ${share.toFixed(2)} of saturation, ${cpuShare.toFixed(2)} for the same CPU time`,
    `  refused, broken                 ${over.refused}, ${over.broken}`,
    `  refused after                   p50 ${over.refusedP50Ms.toFixed(1)} ms, p99 ${over.refusedP99Ms.toFixed(1)} ms`,
    `  first event after               p50 ${over.firstP50Ms.toFixed(0)} ms, p99 ${over.firstP99Ms.toFixed(0)} ms; at ${EASY} of saturation ${easy.firstP50Ms.toFixed(0)} and ${easy.firstP99Ms.toFixed(0)} ms`,
    `  health after                    p50 ${percentile(probed.healthMs, 0.5).toFixed(1)} ms, p99 ${healthP99Ms.toFixed(1)} ms`,
    `  refusals read, with RetryInfo   ${probed.refusals}, ${probed.withRetryInfo}`,
    `afterwards                        ${Number.isFinite(backAfterS) ? `0.99 answered from second ${backAfterS} on` : "not back"}`,
    "",
    ...verdicts.map(({ name, ok }) => `${ok ? "kept    " : "NOT KEPT"}  ${name}`),
  ];
  return { lines, verdicts, figures: { ...measured, share, cpuShare, addedMs, healthP99Ms, backAfterS } };
}

function goodput({ answered, wallMs }: OverloadResult): number {
  return (answered / wallMs) * 1000;
}

/** Second from which at least 0.99 of the calls of all that is left were answered; infinite where there is none. */
function recovery({ seconds }: OverloadResult): number {
  for (let from = 0; from < seconds.length; from++) {
    const rest = seconds.slice(from);
    const sent = rest.reduce((total, each) => total + each.sent, 0);
    const answered = rest.reduce((total, each) => total + each.answered, 0);
    if (answered >= 0.99 * sent) return from;
  }
  return Number.POSITIVE_INFINITY;
}

async function command(generator: Child, asked: OverloadCommand): Promise<OverloadResult> {
  const { process: child } = generator;
  const replied = new Promise<OverloadReply>((resolve) =>
    child.once("message", (reply) => resolve(reply as OverloadReply)),
  );
  child.send(asked);
  const { result, error } = await within(asked.durationMs + GRACE_MS, "make overload", replied);
  if (result === undefined) throw new Error(`the generator of overload failed: ${error ?? "no result"}`);
  return result;
}

/** Asks for health, and reads refusals as a caller does, while the load is on. */
async function probe({ target }: Subject, durationMs: number): Promise<Probed> {
  const client = new grpc.Client(target.address, grpc.credentials.createInsecure());
  const healthMs: number[] = [];
  let refusals = 0;
  let withRetryInfo = 0;
  const { path, requestSerialize, responseDeserialize } = service.complete;
  const asIs = (bytes: Buffer): Buffer => bytes;
  const endsAt = performance.now() + durationMs;
  while (performance.now() < endsAt) {
    const askedAt = performance.now();
    await new Promise<void>((resolve) => {
      client.makeUnaryRequest("/grpc.health.v1.Health/Check", asIs, asIs, Buffer.alloc(0), () => {
        healthMs.push(performance.now() - askedAt);
        resolve();
      });
    });
    const request = toRequest(CompleteRequestSchema, "text:tokens=1");
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) => {
      if (error?.code !== grpc.status.UNAVAILABLE) return;
      refusals++;
      const details = error.metadata.get("grpc-status-details-bin")[0];
      if (Buffer.isBuffer(details) && details.includes("google.rpc.RetryInfo")) withRetryInfo++;
    });
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
  }
  client.close();
  return { healthMs, refusals, withRetryInfo };
}
