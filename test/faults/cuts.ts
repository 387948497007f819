/** Recorded streams, cut after each of their events: one that is not whole never succeeds. */
import type { ServerResponse } from "node:http";
import { OnStreamFailure } from "../../src/domain/contract.ts";
import { openSimulator } from "../../src/simulator/server.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
import { openAnswering } from "../support/raw.ts";
import { PLAIN } from "../upstream/fault-table.ts";
import type { FaultCase, Section } from "./case.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";

/** How an API's streams are asked for, and what in their bytes says that the model is done. */
interface Api {
  readonly dialect: string;
  readonly finish: RegExp;
}

const apis: Readonly<Record<string, Api>> = {
  "openai.chat": { dialect: "openai-chat", finish: /"finish_reason":\s*"/ },
  "openai.responses": { dialect: "openai-responses", finish: /"type":\s*"response\.(completed|incomplete)"/ },
  "anthropic.messages": { dialect: "anthropic", finish: /"stop_reason":\s*"/ },
  "gemini.generateContent": { dialect: "gemini", finish: /"finishReason":\s*"/ },
  "bedrock.converse": { dialect: "bedrock-converse", finish: /messageStop/ },
  "cohere.v2.chat": { dialect: "cohere", finish: /"type":\s*"message-end"/ },
  "ollama.chat": { dialect: "ollama", finish: /"done":\s*true/ },
};

/** Streams of one API, and the most events of one. */
const SHORT = { streams: 4, events: 60 };
const FULL = { streams: 100, events: 2000 };

type Cut = "ends in order" | "is broken off";

/** What the server answers next. */
interface Script {
  exchange: Exchange | undefined;
  bytes: Buffer;
  cut: Cut;
}

export const cuts: Section = {
  name: "recorded streams, cut after each event",
  async open({ full }) {
    const script: Script = { exchange: undefined, bytes: Buffer.alloc(0), cut: "ends in order" };
    const dialects = Object.values(apis).map(({ dialect }) => dialect);
    const simulator = await openSimulator();
    let arrivals = 0;
    let open = 0;
    const upstream = await openAnswering((_, response) => {
      arrivals++;
      open++;
      response.on("close", () => open--);
      answer(script, response);
    });
    const base_url = `http://127.0.0.1:${upstream.port}`;
    const stage = await Stage.open({
      providers: {
        ...Object.fromEntries(
          dialects.map((dialect) => [
            dialect,
            { base_url, dialect, ...(dialect === "bedrock-converse" ? { aws: { region: "us-east-1" } } : {}) },
          ]),
        ),
        spare: { base_url: simulator.url },
      },
      models: Object.fromEntries(
        dialects.map((dialect) => [`restart-${dialect}`, [`${dialect}/restart`, "spare/text:tokens=10"]]),
      ),
      // Each call is to meet its cut, however many failed before it.
      retry: { max_attempts: 2, budget_per_second: 1000 },
      breaker: { consecutive_failures: 1_000_000, min_attempts: 1_000_000 },
      limits: { idle_timeout: "10s" },
      watched: [
        watch(simulator),
        {
          get arrivals() {
            return arrivals;
          },
          get open() {
            return open;
          },
        },
      ],
    });
    const { streams, events } = full ? FULL : SHORT;
    const chosen = Object.keys(apis).flatMap((api) => choose(api, streams, events));
    return {
      stage,
      cases: [
        ...chosen.map((one) => toCase(one, script)),
        ...chosen.map((one) => toRestartCase(one, script, "RESTART")),
        ...chosen.map((one) => toRestartCase(one, script, "CONTINUE")),
      ],
      notes: available ? [] : ["SKIPPED: the recorded exchanges are not beside this checkout."],
      async close() {
        await stage.close();
        await upstream.close();
        await simulator.close();
      },
    };
  },
};

/** Those that stay whole where nobody cuts them, shortest first. */
function choose(api: string, streams: number, events: number): readonly Exchange[] {
  return readExchanges(api)
    .filter(({ stream, status, expect }) => stream && status === 200 && expect.error === null)
    .filter(({ body }) => apis[api]?.finish.test(body.toString("latin1")) === true)
    .map((exchange) => ({ exchange, length: boundaries(exchange).length }))
    .filter(({ length }) => length >= 5 && length <= events)
    .sort((a, b) => a.length - b.length)
    .slice(0, streams)
    .map(({ exchange }) => exchange);
}

function answer({ exchange, bytes, cut }: Script, response: ServerResponse): void {
  response.writeHead(200, { "content-type": exchange?.headers["content-type"] ?? "text/event-stream" });
  response.write(bytes, () => (cut === "ends in order" ? response.end() : response.destroy()));
}

/** Where each event but the last has ended, in bytes. */
function boundaries({ body, body_format }: Exchange): number[] {
  const found: number[] = [];
  if (body_format === "eventstream") {
    for (let at = 0; at + 4 <= body.length; ) {
      at += body.readUInt32BE(at);
      found.push(at);
    }
  } else {
    const pattern = body_format === "ndjson" ? /\n/g : /\r?\n\r?\n/g;
    for (const match of body.toString("latin1").matchAll(pattern)) found.push(match.index + match[0].length);
  }
  return found.filter((at) => at < body.length);
}

/**
 * Some servers say with every event that they are done: when such a body ends in order, nobody can tell that more was
 * to come.
 */
function cutsOf({ body }: Exchange, finish: RegExp): readonly Cut[] {
  const said = body.toString("latin1").match(new RegExp(finish, "g"))?.length ?? 0;
  return said > 2 ? ["is broken off"] : ["ends in order", "is broken off"];
}

const GOOD = "whole when uncut; no cut succeeds early, none tells what was not sent";

function toCase(exchange: Exchange, script: Script): FaultCase {
  const { dialect, finish } = apis[exchange.api] ?? { dialect: "", finish: /^$/ };
  return {
    name: exchange.name,
    expected: GOOD,
    async play(stage) {
      const ask = async (length: number, cut: Cut) => {
        Object.assign(script, { exchange, bytes: exchange.body.subarray(0, length), cut } satisfies Script);
        return await stage.call("stream", `${dialect}/${exchange.model ?? "unknown"}`, {
          handling: { notIdempotent: true },
        });
      };
      const whole = await ask(exchange.body.length, "ends in order");
      if (whole.code !== "OK") return `uncut: ${whole.code} ${whole.reason}`;
      for (const at of [0, ...boundaries(exchange)]) {
        for (const cut of cutsOf(exchange, finish)) {
          const { code, reason, text } = await ask(at, cut);
          const finished = finish.test(exchange.body.subarray(0, at).toString("latin1"));
          const where = `cut at byte ${at}, ${cut}`;
          if (code === "OK" && !(finished && text === whole.text)) {
            stage.miss("I3", `${where}: OK with ${text.length} of ${whole.text.length} characters`);
            return `${where}: a success`;
          }
          if (code !== "OK" && code !== "Unavailable") return `${where}: ${code} ${reason}`;
          if (!whole.text.startsWith(text)) return `${where}: other words than were sent`;
        }
      }
      return GOOD;
    },
  };
}

const RESTARTED = "each cut ends in a whole answer: the recorded one, or another; never in a mixture";

/** The same cuts, of calls that want another answer then, with a spare behind; it cannot go on with another's text. */
function toRestartCase(exchange: Exchange, script: Script, wish: "RESTART" | "CONTINUE"): FaultCase {
  const { dialect } = apis[exchange.api] ?? { dialect: "" };
  return {
    name: `${exchange.name}, ${wish}`,
    expected: RESTARTED,
    async play(stage) {
      const handling = { onStreamFailure: OnStreamFailure[wish] };
      const ask = async (length: number, cut: Cut) => {
        Object.assign(script, { exchange, bytes: exchange.body.subarray(0, length), cut } satisfies Script);
        return await stage.call("stream", `restart-${dialect}`, { handling });
      };
      const whole = await ask(exchange.body.length, "ends in order");
      if (whole.code !== "OK") return `uncut: ${whole.code} ${whole.reason}`;
      for (const at of [0, ...boundaries(exchange)]) {
        const { code, reason, text } = await ask(at, "is broken off");
        if (code !== "OK") return `cut at byte ${at}: ${code} ${reason}`;
        if (text !== whole.text && text !== PLAIN) {
          stage.miss("I3", `cut at byte ${at}: a mixture, ${JSON.stringify(text.slice(0, 60))}`);
          return "a mixture";
        }
      }
      return RESTARTED;
    },
  };
}
