/** Upstreams that know one text: they tell it, or go on with it from where they are told. */
import { setImmediate } from "node:timers/promises";
import { answerWith } from "./raw.ts";

type Json = Readonly<Record<string, unknown>>;
export type Wire = "openai-chat" | "anthropic" | "ollama";

export interface KnownText {
  readonly url: string;
  readonly asked: readonly Json[];
}

export interface Telling {
  readonly text: string;
  readonly wire?: Wire;
  /** Repeats the beginning that it is given. */
  readonly echoes?: boolean;
  /** What comes before the text. */
  readonly before?: readonly Json[];
  /** Instead of an answer, where it says something. */
  readonly refuse?: (body: Json) => readonly [status: number, body: unknown] | undefined;
  /** Characters in each piece; 3 by default. */
  readonly size?: number;
}

/** Events of an answer before, around and after its pieces of text. */
interface Writer {
  readonly contentType: string;
  readonly frame: (event: Json) => string;
  readonly open: readonly Json[];
  readonly piece: (text: string) => Json;
  readonly close: readonly Json[];
}

const chunk = (delta: Json, more: Json = {}): Json => ({
  id: "c-1",
  model: "teller",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

const writers: Readonly<Record<Wire, Writer>> = {
  "openai-chat": {
    contentType: "text/event-stream",
    frame: (event) => `data: ${JSON.stringify(event)}\n\n`,
    open: [chunk({ role: "assistant", content: "" })],
    piece: (content) => chunk({ content }),
    close: [
      chunk({}, { finish_reason: "stop" }),
      {
        id: "c-1",
        model: "teller",
        choices: [],
        usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
      },
    ],
  },
  anthropic: {
    contentType: "text/event-stream",
    frame: (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
    open: [
      {
        type: "message_start",
        message: { id: "m-1", model: "claude-sonnet-4-5", content: [], usage: { input_tokens: 20, output_tokens: 1 } },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ],
    piece: (text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
    close: [
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 10 } },
      { type: "message_stop" },
    ],
  },
  ollama: {
    contentType: "application/x-ndjson",
    frame: (event) => `${JSON.stringify(event)}\n`,
    open: [],
    piece: (content) => ({ model: "teller", message: { role: "assistant", content }, done: false }),
    close: [
      {
        model: "teller",
        message: { role: "assistant", content: "" },
        done: true,
        done_reason: "stop",
        prompt_eval_count: 20,
        eval_count: 10,
      },
    ],
  },
};

/** A whole answer's events, and how they are written. */
export function eventsOf({ text, wire = "openai-chat", before = [], size = 3 }: Telling): readonly string[] {
  const { frame, open, piece, close } = writers[wire];
  const pieces = text.match(new RegExp(`.{1,${size}}`, "gsu")) ?? [];
  return [...open, ...before, ...pieces.map(piece), ...close].map(frame);
}

/** A model named `cut-<n>` breaks off after so many events. */
export async function tell(telling: Telling): Promise<KnownText> {
  const asked: Json[] = [];
  const { port } = await answerWith((_, response, body) => {
    const request = JSON.parse(body) as { model: string; messages: { role: string; content: unknown }[] };
    asked.push(request as unknown as Json);
    const refused = telling.refuse?.(request as unknown as Json);
    if (refused !== undefined) {
      response.writeHead(refused[0], { "content-type": "application/json" }).end(JSON.stringify(refused[1]));
      return;
    }
    const last = request.messages.at(-1);
    const beginning = last?.role === "assistant" ? String(last.content) : "";
    // Who is given another beginning has nothing to say.
    const rest = telling.text.startsWith(beginning) ? telling.text.slice(beginning.length) : "?";
    const events = eventsOf({ ...telling, text: telling.echoes === true ? telling.text : rest });
    const limit = /^cut-(\d+)$/.exec(request.model)?.[1];
    void play(response, writers[telling.wire ?? "openai-chat"].contentType, events, limit && Number(limit));
  });
  return { url: `http://127.0.0.1:${port}`, asked };
}

type Response = Parameters<Parameters<typeof answerWith>[0]>[1];

/** Sends so many of these events, each by itself; closes its socket where that is not all. */
export async function play(
  response: Response,
  contentType: string,
  events: readonly string[],
  limit: number | "" | undefined,
): Promise<void> {
  response.writeHead(200, { "content-type": contentType });
  response.flushHeaders();
  const most = typeof limit === "number" ? limit : events.length;
  for (const event of events.slice(0, most)) {
    await new Promise((resolve) => response.write(event, resolve));
    await setImmediate();
  }
  if (most < events.length) response.destroy();
  else response.end();
}
