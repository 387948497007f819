import {
  type Attribution,
  type CompleteRequest,
  type Message,
  type Prompt,
  Role,
  type StreamRequest,
} from "../domain/contract.ts";

/**
 * Whether a request is of the usual kind, text and numbers, and keeps every rule of its schema. True is as good as a
 * run of the validator, which takes a tenth of a call's CPU (`npm run bench`); false only means that the validator has
 * to look. A test compares the two.
 */
export function isPlainAndValid(request: CompleteRequest | StreamRequest): boolean {
  const { attribution, prompt, handling } = request;
  return (
    handling === undefined &&
    !("resume" in request && request.resume !== undefined) &&
    attribution !== undefined &&
    prompt !== undefined &&
    isValidAttribution(attribution) &&
    isPlainPrompt(prompt)
  );
}

const FEATURE = /^[a-z0-9][a-z0-9._-]{0,63}$/;

// The schema counts characters, which are never more than UTF-16 units.

function isValidAttribution({ feature, userId, sessionId, promptVersion, metadata }: Attribution): boolean {
  if (!FEATURE.test(feature) || userId.length > 256 || sessionId.length > 256 || promptVersion.length > 128)
    return false;
  let entries = 0;
  for (const key in metadata) {
    const value = metadata[key] ?? "";
    if (++entries > 32 || key.length < 1 || key.length > 64 || value.length > 256) return false;
  }
  return true;
}

function isPlainPrompt(prompt: Prompt): boolean {
  if (prompt.model.length < 1 || prompt.model.length > 256 || prompt.messages.length === 0) return false;
  // What is rare, or has rules of its own, is left to the validator.
  if (prompt.tools.length > 0 || prompt.toolChoice !== undefined || prompt.stopSequences.length > 0) return false;
  if (prompt.responseFormat !== undefined || prompt.reasoning !== undefined || prompt.logprobs !== undefined)
    return false;
  for (const _name in prompt.providerOptions) return false;
  if (prompt.maxOutputTokens === 0) return false;
  return (
    isWithin(prompt.temperature, 0, 2) &&
    isWithin(prompt.topP, 0, 1) &&
    isWithin(prompt.frequencyPenalty, -2, 2) &&
    isWithin(prompt.presencePenalty, -2, 2) &&
    prompt.messages.every(isText)
  );
}

function isWithin(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (value >= least && value <= most);
}

function isText({ role, parts }: Message): boolean {
  if (role !== Role.SYSTEM && role !== Role.USER && role !== Role.ASSISTANT) return false;
  if (parts.length === 0) return false;
  for (const { content, cacheBreakpoint, providerState, citations } of parts) {
    if (content.case !== "text") return false;
    if (cacheBreakpoint !== undefined || providerState !== undefined || citations.length > 0) return false;
  }
  return true;
}
