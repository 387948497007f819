/** What PromQL expressions ask for, read by Prometheus' own grammar. */
import { parser } from "@prometheus-io/lezer-promql";

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels by which is summed, each with the metrics that it is summed over. */
  readonly groupings: readonly { readonly label: string; readonly metrics: readonly string[] }[];
}

/** Throws where it is no PromQL. */
export function parseQuery(text: string): Query {
  const selectors: Selector[] = [];
  const groupings: { label: string; metrics: readonly string[] }[] = [];
  const textOf = (node: SyntaxNode | null): string => (node === null ? "" : text.slice(node.from, node.to));
  const selectorOf = (node: SyntaxNode): Selector => ({
    metric: textOf(node.getChild("Identifier")),
    matchers: descend(node, "UnquotedLabelMatcher").map((matcher) => ({
      label: textOf(matcher.getChild("LabelName")),
      operator: textOf(matcher.getChild("MatchOp")),
      value: textOf(matcher.getChild("StringLiteral")).slice(1, -1),
    })),
  });
  const { topNode } = parser.parse(text);
  topNode.cursor().iterate(({ type, from, node }) => {
    if (type.isError) throw new Error(`This is no PromQL, from ${JSON.stringify(text.slice(from))} on: ${text}`);
    if (type.name === "VectorSelector") selectors.push(selectorOf(node));
    if (type.name === "AggregateExpr") {
      const metrics = descend(node, "VectorSelector").map((selector) => selectorOf(selector).metric);
      const labels = descend(node.getChild("AggregateModifier"), "LabelName").map(textOf);
      for (const label of labels) groupings.push({ label, metrics });
    }
  });
  return { selectors, groupings };
}

function descend(node: SyntaxNode | null, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  node?.cursor().iterate((each) => {
    if (each.name === name) found.push(each.node);
  });
  return found;
}
