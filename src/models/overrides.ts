import type { Feature } from "./capabilities.ts";
import type { CapabilityOverride } from "./capability-book.ts";
import type { ModelCatalogue } from "./catalogue.ts";
import { explainUnknown, findNamed } from "./look-up.ts";

/** What the configuration says of a model. */
export interface CapabilitySetting {
  readonly contextWindow?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  /** All kinds of input that it takes; empty where that is not said. */
  readonly input: readonly string[];
  /** All kinds of output that it has; empty where that is not said. */
  readonly output: readonly string[];
  readonly tools?: boolean | undefined;
  readonly structuredOutput?: boolean | undefined;
  readonly reasoning?: boolean | undefined;
  readonly sampling?: boolean | undefined;
  /** `provider/model` of the catalogue, or empty. */
  readonly sameAs: string;
}

interface OverrideContext {
  readonly catalogue: ModelCatalogue;
  /** Names of the configured providers. */
  readonly providers: ReadonlySet<string>;
  readonly findNearest: (wrong: string, names: Iterable<string>) => readonly string[];
}

/** Kinds that a list of inputs names or leaves out; text is always taken. */
const INPUTS = ["image", "audio", "pdf"] as const satisfies readonly Feature[];

const OUTPUTS = [
  ["image", "image_output"],
  ["audio", "audio_output"],
] as const satisfies readonly (readonly [kind: string, feature: Feature])[];

const SWITCHES = [
  ["tools", "tools"],
  ["structuredOutput", "structured_output"],
  ["reasoning", "reasoning"],
  ["sampling", "sampling"],
] as const satisfies readonly (readonly [key: keyof CapabilitySetting, feature: Feature])[];

/** Reads the configuration's `capabilities`. Adds to `problems` what cannot be used, with its path. */
export function toCapabilityOverrides(
  settings: Readonly<Record<string, CapabilitySetting>>,
  { catalogue, providers, findNearest }: OverrideContext,
  problems: { path: string; message: string }[],
): CapabilityOverride[] {
  return Object.entries(settings).map(([target, setting]) => {
    const path = `capabilities.${target}`;
    const slash = target.indexOf("/");
    const provider = target.slice(0, slash);
    if (!providers.has(provider)) {
      problems.push({ path, message: `no provider ${JSON.stringify(provider)} is configured` });
    }
    if (setting.sameAs !== "" && findNamed(catalogue, setting.sameAs) === undefined) {
      problems.push({ path: `${path}.same_as`, message: explainUnknown(catalogue, setting.sameAs, findNearest) });
    }
    const { contextWindow, maxOutputTokens, sameAs } = setting;
    const features = toFeatures(setting);
    if (features.size === 0 && sameAs === "" && contextWindow === undefined && maxOutputTokens === undefined) {
      problems.push({ path, message: "says nothing: give a limit, input, or what the model can" });
    }
    return {
      provider,
      contextWindow,
      maxOutputTokens,
      features,
      model: target.slice(slash + 1),
      sameAs: sameAs || undefined,
    };
  });
}

function toFeatures(setting: CapabilitySetting): ReadonlyMap<Feature, boolean> {
  const features = new Map<Feature, boolean>();
  if (setting.input.length > 0) for (const kind of INPUTS) features.set(kind, setting.input.includes(kind));
  if (setting.output.length > 0) {
    for (const [kind, feature] of OUTPUTS) features.set(feature, setting.output.includes(kind));
  }
  for (const [key, feature] of SWITCHES) {
    const yes = setting[key];
    if (yes !== undefined) features.set(feature, yes);
  }
  return features;
}
