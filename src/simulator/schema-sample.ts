type Schema = Readonly<Record<string, unknown>>;

/** Deep enough for real tools; stops schemas that refer to themselves. */
const maxDepth = 12;

/**
 * A value that fits a simple JSON schema: types, properties, items, enum, const, default, anyOf, oneOf, allOf and local `$ref`.
 * A string is the name of its property. Patterns, formats and lengths are not looked at.
 */
export function sampleOf(schema: unknown, name = "value"): unknown {
  return sample(schema, { name, root: schema, depth: 0 });
}

interface Place {
  readonly name: string;
  readonly root: unknown;
  readonly depth: number;
}

function sample(value: unknown, place: Place): unknown {
  const schema = asSchema(value);
  if (place.depth > maxDepth) return null;
  const below = { ...place, depth: place.depth + 1 };
  if (typeof schema.$ref === "string") return sample(resolve(schema.$ref, place.root), below);
  if ("const" in schema) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0];
  if ("default" in schema) return schema.default;
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return sample(choices[0], below);
  if (Array.isArray(schema.allOf)) return Object.assign({}, ...schema.allOf.map((part) => sample(part, below)));
  return sampleOfType(schema, below);
}

function sampleOfType(schema: Schema, place: Place): unknown {
  switch (typeOf(schema)) {
    case "string":
      return place.name;
    case "integer":
    case "number":
      return typeof schema.minimum === "number" ? schema.minimum : 1;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: typeof schema.minItems === "number" ? schema.minItems : 1 }, () =>
        sample(schema.items, place),
      );
    default:
      return Object.fromEntries(
        Object.entries(asSchema(schema.properties)).map(([name, property]) => [
          name,
          sample(property, { ...place, name }),
        ]),
      );
  }
}

function typeOf(schema: Schema): unknown {
  if (Array.isArray(schema.type)) return schema.type.find((type) => type !== "null") ?? "null";
  return schema.type ?? (schema.items === undefined ? "object" : "array");
}

function resolve(reference: string, root: unknown): unknown {
  const steps = reference.replace(/^#\/?/, "").split("/").filter(Boolean);
  return steps.reduce<unknown>(
    (schema, step) => asSchema(schema)[step.replaceAll("~1", "/").replaceAll("~0", "~")],
    root,
  );
}

function asSchema(value: unknown): Schema {
  return typeof value === "object" && value !== null ? (value as Schema) : {};
}
