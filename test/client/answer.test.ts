/** Events folded into an answer, with restarts anywhere. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type StreamResponse, StreamResponseSchema } from "../../gen/sluice/v1/gateway_service_pb.ts";
import { type Answer, AnswerFold } from "../../src/client/answer.ts";
import { collect } from "../../src/domain/collect.ts";
import type { ChatEvent } from "../../src/domain/event.ts";

type Step =
  | { readonly kind: "open"; readonly block: "text" | "reasoning" | "toolCall" }
  | { readonly kind: "delta"; readonly pick: number }
  | { readonly kind: "close"; readonly pick: number; readonly state: boolean }
  | { readonly kind: "restart"; readonly pick: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("open" as const),
        block: fc.constantFrom("text", "reasoning", "toolCall"),
      }),
    },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("delta" as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("close" as const), pick: fc.nat(), state: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), pick: fc.nat() }) },
  ),
  { maxLength: 60 },
);

const blocks = {
  text: { case: "text" as const, value: {} },
  reasoning: { case: "reasoning" as const, value: {} },
  toolCall: { case: "toolCall" as const, value: { callId: "call", name: "look_up" } },
};

/** Writes the events of these steps. `heard` gets each with those before it that were not taken back. */
function play(
  script: readonly Step[],
  heard: (response: StreamResponse, standing: readonly StreamResponse[]) => void,
): void {
  let sequence = 0;
  let standing: StreamResponse[] = [];
  const say = (event: MessageInitShape<typeof StreamResponseSchema>): void => {
    const response = create(StreamResponseSchema, { ...event, sequence: ++sequence });
    if (response.event.case === "restart") {
      const from = response.event.value.discardFromSequence;
      standing = standing.filter((one) => one.sequence < from);
    }
    standing.push(response);
    heard(response, standing);
  };
  const indicesOf = (kind: "blockStart" | "blockEnd"): number[] => {
    return standing.flatMap(({ event }) => (event.case === kind ? [event.value.index ?? 0] : []));
  };
  say({ event: { case: "start", value: { requestId: "r", provider: "first", model: "m-1" } } });
  for (const step of script) {
    const started = indicesOf("blockStart");
    const ended = indicesOf("blockEnd");
    const open = started.filter((index) => !ended.includes(index));
    const picked = "pick" in step ? open[step.pick % open.length] : undefined;
    switch (step.kind) {
      case "open":
        say({ event: { case: "blockStart", value: { index: started.length, block: blocks[step.block] } } });
        break;
      case "delta":
        // Each piece is one of a kind, so that one which was taken back shows.
        if (picked !== undefined)
          say({ event: { case: "blockDelta", value: { index: picked, text: `<${sequence}>` } } });
        break;
      case "close": {
        const providerState = step.state ? { providerState: { dialect: "d", data: `${sequence}` } } : {};
        if (picked !== undefined) say({ event: { case: "blockEnd", value: { index: picked, ...providerState } } });
        break;
      }
      case "restart": {
        const discardFromSequence = 2 + (step.pick % sequence);
        say({
          event: { case: "restart", value: { discardFromSequence, provider: `after-${sequence}`, model: "m-2" } },
        });
      }
    }
  }
  say({ event: { case: "end", value: { requestId: "r", provider: "last", model: "m-3", finishReason: 1 } } });
}

test("every snapshot says what the gateway would say of the events that stand, and nothing that was taken back", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const fold = new AnswerFold();
      const seen: { answer: Answer; standing: readonly StreamResponse[] }[] = [];
      play(script, (response, standing) => seen.push({ answer: fold.add(response), standing: [...standing] }));
      for (const { answer, standing } of seen) {
        const events = standing.map(({ event }) => event as ChatEvent);
        const end = { case: "end", value: { $typeName: "sluice.v1.StreamEnd", attempts: [] } } as unknown as ChatEvent;
        const first = [...events.filter(({ case: kind }) => kind !== "restart" && kind !== "end"), end];
        const whole = await collect({ first, rest: undefined });
        expect(answer.parts).toEqual(whole.parts);
        const named = events
          .filter(({ case: kind }) => kind === "start" || kind === "restart" || kind === "end")
          .at(-1);
        expect(named?.value).toMatchObject({ provider: answer.provider, model: answer.model });
        expect(answer.requestId).toBe("r");
      }
      expect(seen.map(({ answer }) => answer.end !== undefined)).toEqual(seen.map((_, at) => at === seen.length - 1));
    }),
  );
});

test("a snapshot never changes once it was given", () => {
  fc.assert(
    fc.property(steps, (script) => {
      const fold = new AnswerFold();
      const seen: { answer: Answer; copy: unknown }[] = [];
      play(script, (response) => {
        const answer = fold.add(response);
        seen.push({ answer, copy: structuredClone(answer) });
      });
      for (const { answer, copy } of seen) expect(answer).toEqual(copy);
    }),
  );
});
