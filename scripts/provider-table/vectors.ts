import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { EmbeddingInputSchema } from "../../gen/sluice/v1/embedding_service_pb.ts";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { judge, PROVIDER, refusalOr, type Way } from "./asked.ts";
import type { Feature, Group, Row, Verdict } from "./feature.ts";
import { embeddingRows } from "./rows.ts";

const NONE: Verdict = { answer: "no", notes: [] };
const DOCUMENT = { purpose: "EMBEDDING_PURPOSE_DOCUMENT" } as const;

/** The body that is sent for a text, or the refusal. */
function write(dialect: Dialect, { model }: Row, json: JsonObject): JsonObject | GatewayError {
  const input = fromJson(EmbeddingInputSchema, { model: "x/m", texts: ["Hello"], ...json });
  const target = { provider: PROVIDER, model };
  return refusalOr(() => JSON.parse(dialect.embedder?.encode(input, input.texts, target).body ?? "{}") as JsonObject);
}

/** Whether the model has to be told what its vectors are for. */
function needsPurpose(dialect: Dialect, row: Row): boolean {
  try {
    write(dialect, row, {});
    return false;
  } catch (error) {
    if (error instanceof GatewayError && error.reason === ErrorReason.INVALID_REQUEST) return true;
    throw error;
  }
}

/** A feature of vectors, where there are any. A model that needs a purpose is told one, and asked for the others. */
function wish(name: string, ways: readonly Way[]): Feature {
  return {
    name,
    probe(row, dialect) {
      if (dialect.embedder === undefined) return NONE;
      const without: { readonly purpose?: string } = needsPurpose(dialect, row) ? DOCUMENT : {};
      const others = ways.filter(({ prompt }) => prompt.purpose === undefined || prompt.purpose !== without.purpose);
      const all = others.map((way) => ({ ...way, prompt: { ...without, ...way.prompt } }));
      return judge(all, (json) => write(dialect, row, json), { without }, `${name}: ${dialect.name}`);
    },
  };
}

const purposes: readonly Way[] = ["QUERY", "DOCUMENT", "SIMILARITY", "CLASSIFICATION", "CLUSTERING"].map((purpose) => ({
  name: purpose.toLowerCase(),
  prompt: { purpose: `EMBEDDING_PURPOSE_${purpose}` },
}));

const vectors: Feature = {
  name: "vectors",
  probe: (row, dialect) => {
    if (dialect.embedder === undefined) return NONE;
    const asked = write(dialect, row, needsPurpose(dialect, row) ? DOCUMENT : {});
    return asked instanceof GatewayError ? NONE : { answer: "yes", notes: [] };
  },
};

const purposeNeeded: Feature = {
  name: "purpose needed",
  probe: (row, dialect) => ({
    answer: dialect.embedder !== undefined && needsPurpose(dialect, row) ? "yes" : "no",
    notes: [],
  }),
};

const together: Feature = {
  name: "texts together",
  probe: ({ model }, { embedder }) => {
    if (embedder === undefined) return NONE;
    const { texts } = embedder.limits(model);
    if (texts === 1) return { answer: "no", notes: ["Each text is a request of its own."] };
    return { answer: "yes", notes: [`At most ${texts} in one request.`] };
  },
};

/** What can be asked of vectors. */
export const vectorTable: Group = {
  title: "Embeddings",
  text: `Texts that do not fit into one request are sent in several, some at the same time. Where a purpose is needed, a call
without one is \`INVALID_REQUEST\`.`,
  rows: embeddingRows,
  features: [
    vectors,
    wish("dimensions", [{ name: "dimensions", prompt: { dimensions: 256 } }]),
    wish("purpose (input type)", purposes),
    purposeNeeded,
    together,
  ],
};
