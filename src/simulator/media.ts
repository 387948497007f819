type Fields = Readonly<Record<string, unknown>>;

/** Says what an image, audio or file part of a message is. Undefined where it is none of them, or not well formed. */
export function describePart(part: Fields): string | undefined {
  switch (part.type) {
    case "image_url":
      return describeImage(fieldsOf(part.image_url));
    case "input_audio":
      return describeAudio(fieldsOf(part.input_audio));
    case "file":
      return describeFile(fieldsOf(part.file));
    default:
      return undefined;
  }
}

function describeImage({ url }: Fields): string | undefined {
  if (typeof url !== "string") return undefined;
  return `image: ${describeDataUrl(url) ?? url}`;
}

function describeAudio({ data, format }: Fields): string | undefined {
  if (typeof data !== "string" || typeof format !== "string") return undefined;
  return `audio: ${format}, ${base64Bytes(data)} bytes`;
}

function describeFile({ file_id: id, file_data: data, filename }: Fields): string | undefined {
  if (typeof id === "string") return `file: id ${id}`;
  if (typeof data !== "string") return undefined;
  const what = describeDataUrl(data) ?? `${base64Bytes(data)} bytes`;
  return typeof filename === "string" ? `file: ${filename}, ${what}` : `file: ${what}`;
}

function describeDataUrl(url: string): string | undefined {
  const match = /^data:([^;,]*);base64,/.exec(url);
  return match === null ? undefined : `${match[1]}, ${base64Bytes(url.slice(match[0].length))} bytes`;
}

function base64Bytes(data: string): number {
  return Buffer.byteLength(data, "base64");
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
