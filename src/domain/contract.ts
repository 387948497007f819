/** The contract is the domain model: rooms speak the generated messages, and get them from here. */
export {
  type Attempt,
  AttemptOutcome,
  type CallFailure,
  CallFailureSchema,
} from "../../gen/sluice/v1/attempt_pb.ts";
export type { Attribution } from "../../gen/sluice/v1/attribution_pb.ts";
export {
  type Audio,
  type Citation,
  type File,
  FinishReason,
  type Image,
  ImageDetail,
  type Message,
  type Part,
  type ProviderState,
  Role,
  type TokenLogprob,
  type ToolCall,
  type ToolResult,
  type ToolResultPart,
} from "../../gen/sluice/v1/chat_pb.ts";
export {
  type EmbeddingInput,
  EmbeddingPurpose,
  EmbeddingService,
  type EmbedRequest,
  EmbedRequestSchema,
  type EmbedResponse,
} from "../../gen/sluice/v1/embedding_service_pb.ts";
export { ErrorReason } from "../../gen/sluice/v1/error_reason_pb.ts";
export {
  type BlockDelta,
  type BlockStart,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  GatewayService,
  type Resume,
  type RoutingDecision,
  type StreamEnd,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
  type StreamStart,
} from "../../gen/sluice/v1/gateway_service_pb.ts";
export { type Handling, HandlingSchema, OnStreamFailure, Priority } from "../../gen/sluice/v1/handling_pb.ts";
export {
  type CountTokensRequest,
  CountTokensRequestSchema,
  type CountTokensResponse,
  type ListModelsRequest,
  ListModelsRequestSchema,
  type ListModelsResponse,
  ListModelsResponseSchema,
  Modality,
  ModelPriceSchema,
  ModelService,
  type ModelTarget,
  ModelTargetSchema,
} from "../../gen/sluice/v1/model_service_pb.ts";
export {
  type JsonSchemaFormat,
  type Prompt,
  ReasoningEffort,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from "../../gen/sluice/v1/prompt_pb.ts";
export type { Cost, Usage } from "../../gen/sluice/v1/usage_pb.ts";
