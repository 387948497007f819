import type { Dialect } from "../../src/provider/dialect.ts";
import { findDialect } from "../../src/provider/registry.ts";
import { answeredFeatures } from "./answered.ts";
import { countTable } from "./counts.ts";
import type { Group, Row, Verdict } from "./feature.ts";
import { promptGroups } from "./prompts.ts";
import { rows } from "./rows.ts";
import { vectorTable } from "./vectors.ts";

export const COMMAND = "npm run docs:providers";

/** All tables, in their order. */
const groups: readonly Group[] = [
  ...promptGroups,
  {
    title: "What comes back",
    text: "Streamed answers and whole ones go through the same decoder.",
    features: answeredFeatures,
  },
  countTable,
  vectorTable,
];

const INTRODUCTION = `# What each provider can do

Written by \`${COMMAND}\` from what the code does: each cell is a small prompt, written by the real dialect, or a small
answer, read by it. **yes**: it is sent, or read. **no**: asking for it is \`FEATURE_UNSUPPORTED\` before a byte leaves,
naming the field; of what comes back, the wire has no way to say it. **partly**: see the note.

A provider's models differ, and a dialect knows of it where it matters (Claude's generations, Gemini's, the families
behind Bedrock, GPT-5.6's cache marks): the model of a line is the one that was asked for, and stands for its like. Whether
a model itself can see or hear is not in these tables. Lines without a preset are servers of the dialect that no preset
knows.

Providers whose wire an AI SDK package speaks (\`ai_sdk\` in their configuration) have no lines: what can be asked of them
is what a package's language model takes, and what it cannot take is refused in the same way. They make no vectors, and
their tokens are estimated.`;

/** The page, as it is committed. */
export async function renderProviders(): Promise<string> {
  const tables: string[] = [];
  for (const group of groups) tables.push(await renderGroup(group));
  return `${[INTRODUCTION, ...tables].join("\n\n")}\n`;
}

export function dialectOf({ preset, dialectName }: Row): Dialect {
  const dialect = findDialect(preset, dialectName);
  if (dialect === undefined) throw new Error(`There is no dialect ${dialectName}.`);
  return dialect;
}

async function renderGroup({ title, text, features, rows: own = rows }: Group): Promise<string> {
  const notes = new Notes();
  const lines: string[] = [];
  for (const row of own) {
    const dialect = dialectOf(row);
    const cells: string[] = [];
    for (const feature of features) cells.push(renderCell(await feature.probe(row, dialect), notes));
    lines.push(toLine([row.preset ?? `(${row.dialectName})`, row.model, ...cells]));
  }
  const head = [
    toLine(["preset", "model", ...features.map(({ name }) => name)]),
    toLine(["---", "---", ...features.map(() => "---")]),
  ];
  return [`## ${title}`, text, [...head, ...lines].join("\n"), notes.render()]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderCell({ answer, notes: said }: Verdict, notes: Notes): string {
  const marks = said.map((note) => notes.mark(note)).sort((a, b) => a - b);
  return marks.length === 0 ? answer : `${answer} <sup>${marks.join(", ")}</sup>`;
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The notes below a table, each once, numbered as they come. */
class Notes {
  readonly #numbers = new Map<string, number>();

  mark(note: string): number {
    const number = this.#numbers.get(note) ?? this.#numbers.size + 1;
    this.#numbers.set(note, number);
    return number;
  }

  render(): string {
    return [...this.#numbers].map(([note, number]) => `${number}. ${note}`).join("\n");
  }
}
