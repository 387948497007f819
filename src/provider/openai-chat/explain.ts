export { explain, explainInAnswer } from "../openai-errors.ts";
