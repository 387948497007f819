export function estimateTokens(text: string, _model: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / 4));
}
