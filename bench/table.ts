import type { Report, Row, ScenarioReport, Verdict } from "./report.ts";
import type { Figure } from "./statistics.ts";

/** The report as text: the median of the rounds, with the lowest and highest beside what matters most. */
export function toText({ scenarios, idleBytesPerStream, dialects, verdicts }: Report): string {
  const sections = scenarios.map(toSection);
  const idle = Object.entries(idleBytesPerStream);
  if (idle.length > 0) {
    sections.push([
      ["idle streams", "KiB for each"],
      ...idle.map(([name, figure]) => [name, withSpread(figure, (bytes) => (bytes / 1024).toFixed(1))]),
    ]);
  }
  if (dialects.length > 0) {
    sections.push([
      ["decoding, one process", "CPU µs/event", "ratio"],
      ...dialects.map(({ dialect, cpuMicrosPerEvent, ratio }) => [
        dialect,
        withSpread(cpuMicrosPerEvent, (micros) => micros.toFixed(2)),
        withSpread(ratio, (value) => value.toFixed(2)),
      ]),
    ]);
  }
  sections.push([["gateway's budgets", "is", "at most", ""], ...verdicts.map(toVerdictLine)]);
  return `${sections.map(align).join("\n\n")}\n`;
}

function toSection({ name, streamed, rows }: ScenarioReport): string[][] {
  const latency = streamed ? "first text" : "latency";
  const head = [
    name,
    "CPU µs/call",
    ...(streamed ? ["µs/event"] : []),
    "ratio",
    "calls/s",
    "busy",
    `${latency} p50 ms`,
    "p99",
    "added p50",
    "added p99",
  ];
  return [head, ...rows.map((row) => toLine(row, streamed))];
}

function toLine(row: Row, streamed: boolean): string[] {
  return [
    row.subject,
    withSpread(row.cpuMicrosPerCall, (micros) => micros.toFixed(0)),
    ...(streamed ? [median(row.cpuMicrosPerEvent, (micros) => micros.toFixed(1))] : []),
    withSpread(row.ratio, (ratio) => ratio.toFixed(2)),
    median(row.callsPerSecond, (calls) => calls.toFixed(0)),
    median(row.busy, (share) => `${(share * 100).toFixed(0)} %`),
    median(row.p50Ms, milliseconds),
    median(row.p99Ms, milliseconds),
    median(row.addedP50Ms, milliseconds),
    median(row.addedP99Ms, milliseconds),
  ];
}

function toVerdictLine({ what, figure, budget, ok }: Verdict): string[] {
  const write = (value: number): string => (budget > 1024 ? `${(value / 1024).toFixed(1)} KiB` : value.toFixed(2));
  const word = ok === undefined ? "not measured" : ok ? "ok" : "OVER";
  return [what, withSpread(figure, write), write(budget), word];
}

const milliseconds = (ms: number): string => ms.toFixed(2);

function median(figure: Figure | undefined, write: (value: number) => string): string {
  return figure === undefined ? "-" : write(figure.median);
}

function withSpread(figure: Figure | undefined, write: (value: number) => string): string {
  if (figure === undefined) return "-";
  const { min, max } = figure;
  return min === max ? write(figure.median) : `${write(figure.median)} (${write(min)}-${write(max)})`;
}

/** The first column to the left, figures to the right. */
function align(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
