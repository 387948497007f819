/** Recorded requests for content, as prompts of the contract: what a caller would have asked of the gateway. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { MessageSchema, PartSchema, ToolResultPartSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { type Prompt, ReasoningEffort, Role } from "../../src/domain/contract.ts";

type Json = Record<string, unknown>;
type Part = Extract<MessageInitShape<typeof PartSchema>, { readonly $typeName?: never }>;

const toCamel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Fields whose values are the caller's own: their names stay as they are. */
const VERBATIM = new Set([
  "args",
  "response",
  "parameters",
  "parametersJsonSchema",
  "responseSchema",
  "responseJsonSchema",
]);

/** Google's servers take names in both spellings, and base64 in both alphabets. */
export function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = toCamel(key);
      if (name === "data" && typeof inner === "string") return [name, Buffer.from(inner, "base64").toString("base64")];
      return [name, VERBATIM.has(name) ? inner : camelCased(inner)];
    }),
  );
}

const efforts: Readonly<Record<string, ReasoningEffort>> = { LOW: ReasoningEffort.LOW };

/** The prompt behind a body with camel-cased names. What has no common form becomes `provider_options`. */
export function toPrompt(body: Json, provider: string): Prompt {
  const { contents, systemInstruction, tools = [], generationConfig = {}, ...rest } = body;
  const declared = (tools as Json[]).flatMap((tool) => (tool.functionDeclarations ?? []) as Json[]);
  const provided = (tools as Json[]).filter((tool) => tool.functionDeclarations === undefined);
  const { maxOutputTokens, temperature, topP, topK, responseMimeType, responseSchema, responseJsonSchema, ...more } =
    generationConfig as Json;
  // One candidate is all that the contract has.
  const { logprobs, responseLogprobs, thinkingConfig, candidateCount: _, ...config } = more;
  const { thinkingBudget, thinkingLevel } = (thinkingConfig ?? {}) as Json;
  // Thoughts alone are no wish that the contract knows.
  const thoughtsOnly = thinkingConfig !== undefined && thinkingBudget === undefined && thinkingLevel === undefined;
  const otherConfig = { ...config, ...(thoughtsOnly ? { thinkingConfig } : {}) };
  const options = {
    ...rest,
    ...(provided.length === 0 ? {} : { tools: provided }),
    ...(Object.keys(otherConfig).length === 0 ? {} : { generationConfig: otherConfig }),
  };
  const schema = responseJsonSchema ?? responseSchema;
  const system = (systemInstruction as { parts?: { text: string }[] } | undefined)?.parts ?? [];
  return create(PromptSchema, {
    model: "m",
    messages: [
      ...(system.length === 0 ? [] : [{ role: Role.SYSTEM, parts: system.map(({ text }) => textPart(text)) }]),
      ...toMessages(contents as Json[]),
    ],
    tools: declared.map((tool) => ({
      name: tool.name as string,
      description: (tool.description ?? "") as string,
      parametersJsonSchema: JSON.stringify(tool.parametersJsonSchema ?? tool.parameters),
    })),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens: maxOutputTokens as number }),
    ...(temperature === undefined ? {} : { temperature: temperature as number }),
    ...(topP === undefined ? {} : { topP: topP as number }),
    ...(topK === undefined ? {} : { topK: topK as number }),
    ...(responseLogprobs === undefined ? {} : { logprobs: { top: (logprobs ?? 0) as number } }),
    ...(thinkingBudget === undefined
      ? {}
      : { reasoning: { amount: { case: "budgetTokens" as const, value: thinkingBudget as number } } }),
    ...(thinkingLevel === undefined
      ? {}
      : { reasoning: { amount: { case: "effort" as const, value: efforts[thinkingLevel as string] ?? 0 } } }),
    ...(responseMimeType === undefined
      ? {}
      : {
          responseFormat: {
            format:
              schema === undefined
                ? { case: "jsonObject" as const, value: {} }
                : { case: "jsonSchema" as const, value: { schemaJson: JSON.stringify(schema) } },
          },
        }),
    ...(Object.keys(options).length === 0 ? {} : { providerOptions: { [provider]: options as never } }),
  });
}

function toMessages(contents: readonly Json[]): MessageInitShape<typeof MessageSchema>[] {
  let calls = 0;
  let results = 0;
  return contents.map(({ role, parts }) => {
    const list = parts as Json[];
    if (role === "model") return { role: Role.ASSISTANT, parts: list.map((part) => toAnswerPart(part, () => calls++)) };
    const isResult = list.some((part) => part.functionResponse !== undefined);
    if (!isResult) return { role: Role.USER, parts: list.map(toPart) };
    // A picture beside a result belongs to it: older models have no other place for it.
    const beside = list.filter((part) => part.functionResponse === undefined).map(toPiece);
    return {
      role: Role.TOOL,
      parts: list.flatMap(({ functionResponse }) => {
        if (functionResponse === undefined) return [];
        const { name, response, parts: inside = [] } = functionResponse as Json;
        return [
          {
            content: {
              case: "toolResult" as const,
              value: {
                callId: `call_${results++}`,
                name: name as string,
                parts: [
                  { content: { case: "text" as const, value: JSON.stringify(response) } },
                  ...(inside as Json[]).map(toPiece),
                  ...beside,
                ],
              },
            },
          },
        ];
      }),
    };
  });
}

function textPart(text: string): Part {
  return { content: { case: "text", value: text } };
}

function toPart(part: Json): Part {
  return part.inlineData === undefined ? textPart(part.text as string) : { content: toImage(part) };
}

function toPiece(part: Json): MessageInitShape<typeof ToolResultPartSchema> {
  return { content: toImage(part) };
}

function toImage({ inlineData }: Json) {
  const { mimeType, data } = inlineData as { mimeType: string; data: string };
  const source = { case: "data" as const, value: Buffer.from(data, "base64") };
  return { case: "image" as const, value: { mimeType, source } };
}

function toAnswerPart(part: Json, next: () => number): Part {
  const signature = part.thoughtSignature;
  const kept = typeof signature === "string" ? { providerState: { dialect: "gemini", id: "", data: signature } } : {};
  if (part.functionCall === undefined) return { ...toPart(part), ...kept };
  const { name, args } = part.functionCall as { name: string; args?: unknown };
  return {
    content: {
      case: "toolCall",
      value: { callId: `call_${next()}`, name, argumentsJson: args === undefined ? "" : JSON.stringify(args) },
    },
    ...kept,
  };
}
