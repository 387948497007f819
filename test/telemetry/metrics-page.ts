/** The metrics page, asked for over HTTP and read by a parser of Prometheus' text format. */
import { getMetricsFromIterator } from "prom2javascript";

/** One line of labels: the value of a counter or gauge, or what a histogram has. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: number;
  readonly count?: number;
  readonly sum?: number;
  /** By upper bound. */
  readonly buckets?: Readonly<Record<string, number>>;
}

export interface Metric {
  readonly type: string;
  readonly help: string;
  readonly data: readonly Series[];
}

export type Metrics = Readonly<Record<string, Metric>>;

/** Throws where the page cannot be read, or a histogram is not whole. */
export async function parseMetrics(text: string): Promise<Metrics> {
  return (await getMetricsFromIterator(text.split("\n").values())) as Metrics;
}

export async function readPage(httpAddress: string): Promise<string> {
  const response = await fetch(`http://${httpAddress}/metrics`);
  if (response.status !== 200) throw new Error(`The metrics page answers ${response.status}.`);
  return response.text();
}

/** Each series as `name=value ...: count` or `...: value`, the labels' common prefix left out. */
export function tell(metric: Metric | undefined): string[] {
  return (metric?.data ?? [])
    .map(({ labels, value, count }) => {
      const words = Object.entries(labels).map(([name, label]) => `${name.replace(/^sluice_/, "")}=${label}`);
      return `${words.sort().join(" ")}: ${value ?? count}`;
    })
    .sort();
}
