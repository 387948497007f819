import type { Dialect } from "../../src/provider/dialect.ts";

/** A line of the tables: a preset, or a dialect alone, with a model that stands for its like. */
export interface Row {
  /** Undefined for servers without a preset. */
  readonly preset?: string;
  readonly dialectName: string;
  readonly model: string;
  /** Where its answers are among the recorded ones: folders, and which of the models there. */
  readonly recorded: { readonly folders: readonly string[] | "all"; readonly models?: RegExp };
}

/** What a row can do of a feature. Notes say why it is not all of it, or how. */
export interface Verdict {
  readonly answer: "yes" | "partly" | "no";
  readonly notes: readonly string[];
}

/** A column: something that callers may want, and how to find out whether a row has it. */
export interface Feature {
  readonly name: string;
  probe(row: Row, dialect: Dialect): Verdict | Promise<Verdict>;
}

/** A table of columns that belong together. */
export interface Group {
  readonly title: string;
  /** Said above the table; may be empty. */
  readonly text: string;
  readonly features: readonly Feature[];
  /** Its lines, where they are not those of the other tables. */
  readonly rows?: readonly Row[];
}

/** What a row is called where it must be told from the others. */
export function nameOf({ preset, dialectName, model }: Row): string {
  return `${preset ?? dialectName} ${model}`;
}
