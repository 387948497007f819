import { type Answer, composeAnswer, type ToolCall } from "./answers.ts";
import { ApiError } from "./errors.ts";
import type { ChatMessage, ChatRequest, Tool } from "./request.ts";
import { sampleOf } from "./schema-sample.ts";
import { listed, piecesOf } from "./tokens.ts";

/**
 * Calls tools as a model would: the one that is forced, else the first; with `count` calls, the tools in turn. Where the
 * conversation ends in tool messages, answers with a text that quotes them.
 */
export function callTools(request: ChatRequest, callNumber: number, count: number): Answer {
  const results = request.messages.slice(request.messages.findLastIndex(({ role }) => role !== "tool") + 1);
  if (results.length > 0) return say(request, quoteResults(request.messages, results));
  const offered = offeredTools(request);
  if (offered.length === 0) return say(request, "There is no tool to call.");
  const total = request.parallelToolCalls ? count : 1;
  const toolCalls = Array.from({ length: total }, (_, index) =>
    callOf(offered[index % offered.length], `call_${callNumber}_${index}`),
  );
  return composeAnswer(request, { toolCalls });
}

function offeredTools({ tools, toolChoice }: ChatRequest): readonly Tool[] {
  if (toolChoice === "none") return [];
  if (toolChoice === "auto") return tools;
  const forced = tools.filter(({ name }) => name === toolChoice.name);
  if (forced.length > 0) return forced;
  throw new ApiError(400, `Tool choice '${toolChoice.name}' is not among 'tools'.`, { param: "tool_choice" });
}

function callOf(tool: Tool | undefined, id: string): ToolCall {
  const json = JSON.stringify(sampleOf(tool?.parameters));
  return { id, name: tool?.name ?? "", arguments: listed(piecesOf(json)) };
}

function quoteResults(messages: readonly ChatMessage[], results: readonly ChatMessage[]): string {
  const calls = messages.flatMap(({ toolCalls }) => toolCalls);
  const lines = results.map(({ toolCallId, text }) => {
    const name = calls.findLast(({ id }) => id === toolCallId)?.name ?? "tool";
    return `${name} said: ${text}`;
  });
  return lines.join("\n");
}

function say(request: ChatRequest, text: string): Answer {
  return composeAnswer(request, { content: listed(piecesOf(text)) });
}
