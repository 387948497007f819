export { openAiEmbedderFor as embedderFor } from "../openai-embed.ts";
