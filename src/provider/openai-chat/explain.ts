export { explain, explainInAnswer, isError } from "../openai-errors.ts";
