import type { ProviderSettings } from "./config/providers.ts";

/** The provider that answers without any key. Loaded only when it is wanted. */
export async function startSimulator(): Promise<{ provider: ProviderSettings; close(): Promise<void> }> {
  const { openSimulator } = await import("./simulator/server.ts");
  const simulator = await openSimulator();
  return {
    provider: {
      name: "simulator",
      preset: undefined,
      dialect: "openai-chat",
      baseUrl: simulator.url,
      key: undefined,
      headers: {},
      apiVersion: undefined,
      propagatesTrace: undefined,
      aws: undefined,
      maxConnections: 256,
    },
    close: () => simulator.close(),
  };
}

/** The command by which a newcomer gets a first answer. */
export function tryCommand(grpcAddress: string): string {
  const request = {
    attribution: { feature: "first-call" },
    prompt: { model: "simulator/echo", messages: [{ role: "ROLE_USER", parts: [{ text: "Hello" }] }] },
  };
  return `Try: npx buf curl --protocol grpc --http2-prior-knowledge -d '${JSON.stringify(request)}' http://${grpcAddress}/sluice.v1.GatewayService/Complete`;
}
