import type { Random } from "../domain/clock.ts";
import { hashToShare } from "./hash.ts";

/** What rules look at. Empty means that there is none. */
export interface Facts {
  readonly feature: string;
  readonly tenant: string;
  readonly user: string;
  readonly session: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** By what calls are kept together: those with the same value are all treated alike. */
export type StickyKey = "user" | "session" | "tenant" | `metadata.${string}`;

/** Patterns are exact, or end in `*` and then match what begins so. Each list that is there must have one that matches. */
export interface Rule<Route> {
  readonly name: string;
  readonly features?: readonly string[];
  readonly tenants?: readonly string[];
  readonly users?: readonly string[];
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
  /** Of the calls that match so far, the share that the rule takes, 0 to 100; all, where it is not said. */
  readonly percentage?: number;
  /** Without it, and for calls that lack it, each call is drawn anew. */
  readonly stickyBy?: StickyKey;
  /** What is done with the calls that it takes: another alias, targets, a strategy. */
  readonly route: Route;
}

interface Ruling<Route> {
  readonly route: Route;
  /** For traces and responses: `rule:` and the rule's name, then how a percentage was drawn, as in `rule:canary:user`. */
  readonly reason: string;
}

interface Compiled<Route> {
  readonly rule: Rule<Route>;
  readonly conditions: readonly ((facts: Facts) => boolean)[];
}

/** Finds the first rule that takes a call; undefined where none does. Made once for each configuration. */
export type Rules<Route> = (facts: Facts, random: Random) => Ruling<Route> | undefined;

export function compileRules<Route>(rules: readonly Rule<Route>[]): Rules<Route> {
  const compiled = rules.map((rule) => ({ rule, conditions: toConditions(rule) }));
  return (facts, random) => {
    for (const each of compiled) {
      const ruling = apply(each, facts, random);
      if (ruling !== undefined) return ruling;
    }
    return undefined;
  };
}

function apply<Route>({ rule, conditions }: Compiled<Route>, facts: Facts, random: Random): Ruling<Route> | undefined {
  for (const holds of conditions) if (!holds(facts)) return undefined;
  const { name, percentage, stickyBy, route } = rule;
  if (percentage === undefined) return { route, reason: `rule:${name}` };
  const key = stickyBy === undefined ? "" : findSticky(stickyBy, facts);
  // The rule's name is part of it: else all canaries would be tried on the same users.
  const share = key === "" ? random() : hashToShare(name, key);
  if (share * 100 >= percentage) return undefined;
  return { route, reason: `rule:${name}:${key === "" ? "random" : stickyBy}` };
}

function toConditions(rule: Rule<unknown>): ((facts: Facts) => boolean)[] {
  const conditions: ((facts: Facts) => boolean)[] = [];
  const must = (patterns: readonly string[] | undefined, read: (facts: Facts) => string): void => {
    if (patterns === undefined) return;
    const matches = toMatcher(patterns);
    conditions.push((facts) => matches(read(facts)));
  };
  must(rule.features, ({ feature }) => feature);
  must(rule.tenants, ({ tenant }) => tenant);
  must(rule.users, ({ user }) => user);
  for (const [key, patterns] of Object.entries(rule.metadata ?? {})) {
    must(patterns, ({ metadata }) => readMetadata(metadata, key));
  }
  return conditions;
}

/** No pattern, `*` included, matches what is not there. */
function toMatcher(patterns: readonly string[]): (value: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const prefixes = patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  return (value) => value !== "" && (exact.has(value) || prefixes.some((prefix) => value.startsWith(prefix)));
}

const METADATA = "metadata.";

/** A call's value of this key; empty where it has none. */
export function findSticky(key: StickyKey, facts: Facts): string {
  switch (key) {
    case "user":
    case "session":
    case "tenant":
      return facts[key];
    default:
      return readMetadata(facts.metadata, key.slice(METADATA.length));
  }
}

/** Keys are the caller's, so that one may be called as something that every object has. */
function readMetadata(metadata: Facts["metadata"], key: string): string {
  return Object.hasOwn(metadata, key) ? (metadata[key] ?? "") : "";
}
