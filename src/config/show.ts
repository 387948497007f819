import { clone, toJson } from "@bufbuild/protobuf";
import { stringify } from "yaml";
import { type Config, ConfigSchema } from "../../gen/sluice/config/v1/config_pb.ts";

const REDACTED = "[redacted]";

/** Names of headers that carry what opens doors. */
const SECRET_NAME = /auth|token|secret|key|cookie|passw|credential|session|signature/i;

/** Values that do: with a scheme before them, or one long word with letters and digits. */
const SECRET_VALUE = /^(bearer|basic|token|apikey)\s|^(?=\S*\d)(?=\S*[a-z])\S{20,}$|^(sk|pk|rk|gh[a-z])[-_]/i;

/**
 * A copy that may be shown. Keys are references already; headers and options of packages are not meant for
 * secrets, but people put them there: those that look like one are hidden.
 */
export function redact(config: Config): Config {
  const shown = clone(ConfigSchema, config);
  for (const { headers, aiSdk } of Object.values(shown.providers)) {
    hideSecrets(headers);
    hideSecrets(aiSdk?.options);
  }
  return shown;
}

/** Looks into everything that is inside, too. */
function hideSecrets(values: unknown): void {
  if (typeof values !== "object" || values === null) return;
  for (const [name, value] of Object.entries(values)) {
    const isSecret = typeof value === "string" && (SECRET_NAME.test(name) || SECRET_VALUE.test(value.trim()));
    if (isSecret) Reflect.set(values, name, REDACTED);
    else hideSecrets(value);
  }
}

/** A configuration as a file would say it. */
export function toYaml(config: Config): string {
  return stringify(toJson(ConfigSchema, config, { useProtoFieldName: true }), { lineWidth: 0 });
}
