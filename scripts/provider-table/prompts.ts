import type { JsonObject } from "@bufbuild/protobuf";
import { asked, PROVIDER, type Way } from "./asked.ts";
import type { Group, Verdict } from "./feature.ts";
import { givenBack } from "./given-back.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const said = (role: string, ...parts: JsonObject[]): JsonObject => ({ role: `ROLE_${role}`, parts });
const talk = (...messages: JsonObject[]): JsonObject => ({ messages });
const user = (...parts: JsonObject[]): JsonObject => talk(said("USER", { text: "Look" }, ...parts));

const TEXT_ALONE = user();
const picture = { data: base64("png"), mimeType: "image/png" };
const pdf = { data: base64("%PDF-1.7"), mimeType: "application/pdf", filename: "a.pdf" };
const SCHEMA = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}';
const look: JsonObject = { name: "look", description: "Looks.", parametersJsonSchema: SCHEMA };
const tools = [look, { ...look, name: "go" }];
const WITH_TOOLS: JsonObject = { tools };

/** Media by their address: of the web, or of a cloud's own storage. */
function addresses(kind: string, ending: string, mimeType: string): readonly Way[] {
  return ["https://example.com", "s3://bucket"].map((place) => ({
    name: place.replace(/\/\/.*/, ""),
    prompt: user({ [kind]: { uri: `${place}/a.${ending}`, mimeType } }),
  }));
}

function chosen(choice: JsonObject): JsonObject {
  return { tools, toolChoice: choice };
}

/** A conversation in which a tool was called and said this. */
function result(...parts: JsonObject[]): JsonObject {
  const call = { toolCall: { callId: "c1", name: "look", argumentsJson: "{}" } };
  const answer = { toolResult: { callId: "c1", name: "look", parts } };
  return { tools, ...talk(said("USER", { text: "Look" }), said("ASSISTANT", call), said("TOOL", answer)) };
}

const system = said("SYSTEM", { text: "Be brief." });
const EARLIER = talk(said("USER", { text: "A" }), said("ASSISTANT", { text: "B" }), said("USER", { text: "C" }));

const efforts: readonly Way[] = ["NONE", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"].map((effort) => ({
  name: effort.toLowerCase(),
  prompt: { reasoning: { effort: `REASONING_EFFORT_${effort}` } },
}));

const ANYWAY: Verdict = { answer: "yes", notes: ["Nothing is sent for it: it is what happens anyway."] };

function throughTool(body: JsonObject): string | undefined {
  const forced = body.tools !== undefined || body.toolConfig !== undefined;
  return forced ? "Through a tool that the model must call; callers see an answer in text." : undefined;
}

const mediaTable: Group = {
  title: "Messages and media",
  text: "",
  features: [
    asked("system first", talk(system, said("USER", { text: "Hello" }))),
    asked("system later on", [
      { name: "before an answer", prompt: talk(said("USER", { text: "A" }), system) },
      {
        name: "after an answer",
        prompt: talk(...(EARLIER.messages as JsonObject[]).slice(0, 2), system, said("USER", { text: "C" })),
      },
    ]),
    asked("image bytes", user({ image: picture }), { without: TEXT_ALONE }),
    asked("image URI", addresses("image", "png", "image/png"), {
      without: TEXT_ALONE,
    }),
    asked("image detail", user({ image: { ...picture, detail: "IMAGE_DETAIL_HIGH" } }), {
      without: user({ image: picture }),
    }),
    asked("audio bytes", user({ audio: { data: base64("wav"), mimeType: "audio/wav" } }), { without: TEXT_ALONE }),
    asked("audio URI", addresses("audio", "wav", "audio/wav"), {
      without: TEXT_ALONE,
    }),
    asked("PDF bytes", user({ file: pdf }), { without: TEXT_ALONE }),
    asked("PDF URI", addresses("file", "pdf", "application/pdf"), {
      without: TEXT_ALONE,
    }),
    asked("text file", user({ file: { data: base64("Hi"), mimeType: "text/plain", filename: "a.txt" } }), {
      without: TEXT_ALONE,
    }),
    asked("uploaded file", user({ file: { providerFileId: "file-1", mimeType: "application/pdf" } }), {
      without: TEXT_ALONE,
    }),
  ],
};

const toolTable: Group = {
  title: "Tools",
  text: "",
  features: [
    asked("tools", WITH_TOOLS),
    asked("model's choice", chosen({ mode: "TOOL_CHOICE_MODE_AUTO" }), { without: WITH_TOOLS, unsent: ANYWAY }),
    asked("none", chosen({ mode: "TOOL_CHOICE_MODE_NONE" }), { without: WITH_TOOLS }),
    asked("some", chosen({ mode: "TOOL_CHOICE_MODE_REQUIRED" }), { without: WITH_TOOLS }),
    asked(
      "one by name",
      [
        { name: "one of several", prompt: chosen({ toolName: "look" }) },
        { name: "the only one", prompt: { ...chosen({ toolName: "look" }), tools: [look] } },
      ],
      { without: WITH_TOOLS },
    ),
    asked("several at once", { tools, parallelToolCalls: true }, { without: WITH_TOOLS, unsent: ANYWAY }),
    asked("one at a time", { tools, parallelToolCalls: false }, { without: WITH_TOOLS }),
    asked("strict", { tools: tools.map((tool) => ({ ...tool, strict: true })) }, { without: WITH_TOOLS }),
    asked("result in text", result({ text: "Seen." }), { without: WITH_TOOLS }),
    asked("result with image", result({ text: "Seen." }, { image: picture }), { without: WITH_TOOLS }),
    asked("result with PDF", result({ text: "Seen." }, { file: pdf }), { without: WITH_TOOLS }),
  ],
};

const formTable: Group = {
  title: "Form and limits of the answer",
  text: "",
  features: [
    asked("JSON object", { responseFormat: { jsonObject: {} } }, { how: throughTool }),
    asked("JSON schema", { responseFormat: { jsonSchema: { schemaJson: SCHEMA } } }, { how: throughTool }),
    asked("… that is held to", { responseFormat: { jsonSchema: { schemaJson: SCHEMA, strict: true } } }),
    asked("… beside tools", { tools, responseFormat: { jsonSchema: { schemaJson: SCHEMA } } }, { without: WITH_TOOLS }),
    asked("max_output_tokens", { maxOutputTokens: 5000 }),
    asked("stop_sequences", { stopSequences: ["END"] }),
    asked("logprobs", [
      { name: "of the chosen tokens alone", prompt: { logprobs: {} } },
      { name: "of other tokens", prompt: { logprobs: { top: 3 } } },
    ]),
    asked("provider_options", { providerOptions: { [PROVIDER]: { x_own: 1 } } }),
  ],
};

const samplingTable: Group = {
  title: "Sampling",
  text: "",
  features: [
    asked("temperature", [
      { name: "up to 1", prompt: { temperature: 0.5 } },
      { name: "above 1", prompt: { temperature: 1.5 } },
    ]),
    asked("top_p", { topP: 0.9 }),
    asked("… with temperature", { topP: 0.9, temperature: 0.5 }),
    asked("top_k", { topK: 5 }),
    asked("seed", { seed: "7" }),
    asked("frequency_penalty", { frequencyPenalty: 0.5 }),
    asked("presence_penalty", { presencePenalty: 0.5 }),
  ],
};

const reasoningTable: Group = {
  title: "Reasoning and prompt cache",
  text: "",
  features: [
    asked("effort", efforts, {
      unsent: { answer: "yes", notes: ["None is said by sending nothing: this model does not reason."] },
    }),
    asked(
      "budget in tokens",
      [
        { name: "0", prompt: { reasoning: { budgetTokens: 0 } } },
        { name: "above 0", prompt: { reasoning: { budgetTokens: 2048 } } },
      ],
      { unsent: { answer: "yes", notes: ["None is said by sending nothing: this model does not reason."] } },
    ),
    givenBack,
    asked("cache marks", user({ text: "at this", cacheBreakpoint: {} }), {
      without: user({ text: "at this" }),
      unsent: { answer: "no", notes: ["Marks are not needed: it caches by itself, if at all."] },
    }),
  ],
};

/** What can be asked for. */
export const promptGroups: readonly Group[] = [mediaTable, toolTable, formTable, samplingTable, reasoningTable];
