import { asArray, asCount, asRecord, type JsonRecord } from "../json.ts";

/** A whole answer as the events in which a stream would bring it; undefined where it has no message. */
export function toEvents(answer: JsonRecord): readonly JsonRecord[] | undefined {
  const message = asRecord(answer.message);
  if (message === undefined) return undefined;
  const contents = asArray(message.content);
  const firstText = contents.findIndex((content) => asRecord(content)?.type === "text");
  const citations = asArray(message.citations).map((citation) => ({
    content: asCount(asRecord(citation)?.content_index) ?? firstText,
    event: { type: "citation-start", delta: { message: { citations: citation } } },
  }));
  return [
    { type: "message-start", id: answer.id },
    ...contents.flatMap((content, index) => [
      {
        type: "content-start",
        index,
        delta: { message: { content } },
        ...(index === firstText ? { logprobs: answer.logprobs } : {}),
      },
      ...citations.filter((citation) => citation.content === index).map(({ event }) => event),
    ]),
    { type: "tool-plan-delta", delta: { message: { tool_plan: message.tool_plan } } },
    ...asArray(message.tool_calls).map((call, index) => ({
      type: "tool-call-start",
      index,
      delta: { message: { tool_calls: call } },
    })),
    ...citations.filter(({ content }) => contents[content] === undefined).map(({ event }) => event),
    { type: "message-end", delta: { finish_reason: answer.finish_reason, usage: answer.usage } },
  ];
}
