/** A rewriting of a name into one that the catalogue is likelier to know; unchanged where it does not apply. */
type Rewriting = (name: string) => string;

function drop(pattern: RegExp): Rewriting {
  return (name) => name.replace(pattern, "");
}

/** What leads to the model's own name: paths and resource names. */
const PATHS: readonly Rewriting[] = [
  // Bedrock: arn:aws:bedrock:us-east-1::foundation-model/NAME, …:123456789012:inference-profile/us.NAME
  drop(/^arn:aws[a-z-]*:bedrock:[^/]*\//),
  // Vertex: projects/P/locations/L/publishers/google/models/NAME; Gemini: models/NAME
  drop(/^(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/[^/]+\/models\//),
  drop(/^(?:tuned)?models\//),
  // Vertex, through its OpenAI door: google/NAME
  drop(/^google\/(?=gemini)/),
];

/** What makes a name more exact than most prices are. In this order: the later ones lose more. */
const DETAILS: readonly Rewriting[] = [
  // As some catalogues have it: -20260709 for -2026-07-09.
  (name) => name.replace(/-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/, "-$1-$2-$3"),
  // OpenRouter's ways of routing, which change no rate. `:free` and `:batch` do, and stay.
  drop(/:(?:nitro|floor|online|exacto|extended|thinking|beta)$/),
  // Bedrock's versions: -v1:0, :0
  drop(/(?:-v\d+)?:\d+[a-z]*$/),
  // Bedrock's cross-region profiles. What has a price of its own in a region was found before.
  drop(/^(?:us-gov|us|eu|apac|au|jp|in|ca|sa|me|af|global)\.(?=[a-z0-9]+\.)/),
  // Snapshots: -2024-08-06, -20250514, @20250514, _2025-12-11, -0613
  drop(/[-@_]20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?=$|:)/),
  drop(/@(?:latest|default|\d{3})$/),
  drop(/-latest$/),
];

/** The organisation before a name: `meta-llama/Llama-3.3-70B`. */
const dropOrganisation = drop(/^~?[a-z0-9._-]+\//);

/** Longer names are no names of models, and are not looked up. */
const MAX_NAME_LENGTH = 256;

/**
 * What a model may be called in the catalogue, by the name that its provider reported or the caller gave: the name as it
 * is, then with less and less around it. All in lower case, each once.
 */
export function candidateNames(given: string): string[] {
  if (given.length > MAX_NAME_LENGTH) return [];
  const name = given.trim().toLowerCase();
  if (name === "") return [];
  const names = new Set([name]);
  const last = (): string => [...names].at(-1) ?? name;
  for (const rewrite of PATHS) names.add(rewrite(last()));
  const bare = last();
  let detailed = bare;
  for (const rewrite of DETAILS) {
    const next = rewrite(detailed);
    names.add(next);
    // A date that was only written differently is still to be dropped from the first form.
    if (rewrite !== DETAILS[0]) detailed = next;
  }
  for (const one of [bare, detailed]) names.add(dropOrganisation(one));
  names.delete("");
  return [...names];
}

/** Whether two names may be of one model, the one more exact than the other: `grok-4` and `x-ai/grok-4-0709`. */
export function isSameModel(one: string, other: string): boolean {
  const [a, b] = [barest(one), barest(other)];
  return a.startsWith(b) || b.startsWith(a);
}

function barest(name: string): string {
  return (candidateNames(name).at(-1) ?? "").replace(/[^a-z0-9]/g, "");
}
