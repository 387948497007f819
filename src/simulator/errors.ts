/** What an OpenAI error says besides its message. */
interface ErrorParts {
  readonly type?: string | null;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** The body of an error in OpenAI's form. */
export function errorBody(message: string, { type = "invalid_request_error", param = null, code = null }: ErrorParts) {
  return { error: { message, type, param, code } };
}

/** A request that the simulator refuses, as opposed to a fault that was asked for. Sent as an OpenAI error. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, parts: { param?: string; code?: string } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.param = parts.param ?? null;
    this.code = parts.code ?? null;
  }

  toBody() {
    return errorBody(this.message, { param: this.param, code: this.code });
  }
}
