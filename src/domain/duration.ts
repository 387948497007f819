import type { Duration } from "@bufbuild/protobuf/wkt";

/** Milliseconds as a protobuf duration, to the microsecond. */
export function toDuration(ms: number): Duration {
  const micros = Math.max(0, Math.round(ms * 1000));
  return {
    $typeName: "google.protobuf.Duration",
    seconds: BigInt(Math.floor(micros / 1_000_000)),
    nanos: (micros % 1_000_000) * 1000,
  };
}

/** A protobuf duration in milliseconds; undefined where there is none. */
export function toMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
