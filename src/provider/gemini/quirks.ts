/** How the two APIs of this dialect differ. Data, one row for each preset. */
export interface Flavour {
  /** Path of a model below the base URL, where a call names no collection itself. */
  readonly models: string;
  /** Collections that a model's name may begin with; the rest is its place in them. */
  readonly collections: readonly string[];
  /** Address of an uploaded file by its id, `files/…` or alone; undefined where there are no uploads. */
  readonly fileUri: ((id: string) => string) | undefined;
  /** A file by its address needs its type. */
  readonly mimeTypeRequired: boolean;
  /** Field for a file's name; the Gemini API refuses it, so that names stay here. */
  readonly filenameField: "displayName" | undefined;
  /** How vectors are asked for: many at once, or by Vertex's ways. */
  readonly embeddings: "batch" | "vertex";
  /** What `countTokens` takes: a whole request inside of another, or some of its fields. */
  readonly counts: "request" | "fields";
}

const FILES = "https://generativelanguage.googleapis.com/v1beta/files/";

export const gemini: Flavour = {
  models: "models",
  collections: ["models", "tunedModels"],
  fileUri: (id) => FILES + id.replace(/^files\//, ""),
  mimeTypeRequired: false,
  filenameField: undefined,
  embeddings: "batch",
  counts: "request",
};

/** Sources: both API references (`models.generateContent`; Vertex `projects.locations.publishers.models`), 2026-11. */
export const flavourByPreset: Readonly<Record<string, Flavour>> = {
  gemini,
  vertex: {
    models: "publishers/google/models",
    collections: ["publishers/google/models", "endpoints"],
    fileUri: undefined,
    mimeTypeRequired: true,
    filenameField: "displayName",
    embeddings: "vertex",
    counts: "fields",
  },
};
