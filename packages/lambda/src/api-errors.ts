/** Owns what goes wrong with a request, in the words of the Lambda API: names, status codes and messages. */

import { isDurableExecutionClientError, TidemarkError } from "@tidemark/protocol";

/** Status codes of the errors that are answered with. Source: Lambda API, model of 2015-03-31. */
const STATUS = {
  AccessDeniedException: 403,
  CallbackTimeoutException: 400,
  DurableExecutionAlreadyStartedException: 409,
  InvalidParameterValueException: 400,
  InvalidRequestContentException: 400,
  RequestTooLargeException: 413,
  ResourceNotFoundException: 404,
  ServiceException: 500,
  TooManyRequestsException: 429,
} as const;

type ApiErrorName = keyof typeof STATUS;

/** A request that is answered with an error. */
export class ApiError extends Error {
  override readonly name: ApiErrorName;

  constructor(name: ApiErrorName, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
  }

  get status(): number {
    return STATUS[this.name];
  }
}

export function invalid(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

/** What the service says of a token that is not the newest, whose invocation is over or which it never gave. */
export function invalidToken(): ApiError {
  return invalid("Invalid checkpoint token");
}

/** Errors of the runtime and of the stores by code; those of no code here are the server's own. */
const MEANINGS: Readonly<Record<string, ApiErrorName>> = {
  TIDEMARK_CALLBACK_ID: "InvalidParameterValueException",
  TIDEMARK_CALLBACK_NOT_FOUND: "ResourceNotFoundException",
  TIDEMARK_CALLBACK_SETTLED: "CallbackTimeoutException",
  TIDEMARK_CURSOR: "InvalidParameterValueException",
  TIDEMARK_ENTRY_TOO_LARGE: "InvalidParameterValueException",
  TIDEMARK_ERROR_OBJECT: "InvalidParameterValueException",
  TIDEMARK_EXECUTION_EXISTS: "DurableExecutionAlreadyStartedException",
  TIDEMARK_EXECUTION_ID: "InvalidParameterValueException",
  TIDEMARK_EXECUTION_NAME: "InvalidParameterValueException",
  TIDEMARK_EXECUTION_NOT_FOUND: "ResourceNotFoundException",
  TIDEMARK_LIST_LIMIT: "InvalidParameterValueException",
  TIDEMARK_PAYLOAD_TOO_LARGE: "InvalidParameterValueException",
  TIDEMARK_STORE_ITEM_TOO_LARGE: "InvalidParameterValueException",
  TIDEMARK_STORE_THROTTLED: "TooManyRequestsException",
  TIDEMARK_UNKNOWN_FUNCTION: "ResourceNotFoundException",
  TIDEMARK_UPDATE_REJECTED: "InvalidParameterValueException",
};

/** Whatever was thrown, as an error of the API. */
export function apiErrorOf(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const { code, message } = Object(thrown) as { readonly code?: unknown; readonly message?: unknown };
  if (isDurableExecutionClientError(thrown) && code === "TIDEMARK_SUPERSEDED") return invalidToken();
  return new ApiError(MEANINGS[code as string] ?? "ServiceException", String(message ?? thrown), thrown);
}

/** What the server says of itself: the text of an error may name tables, paths and hosts, which are nobody's business. */
export function hidden({ cause }: ApiError, requestId: string): ApiError {
  const { code } = Object(cause) as { readonly code?: unknown };
  const what = typeof code === "string" && code.startsWith("TIDEMARK_") ? code : "ServiceException";
  return new ApiError(
    "ServiceException",
    `internal error ${what}; the log of the server has it under ${requestId}`,
  );
}

/** The same for the log of the server, with everything. */
export function reported(error: ApiError, request: Request, requestId: string): TidemarkError {
  const { pathname } = new URL(request.url);
  return new TidemarkError(
    "TIDEMARK_API_REQUEST",
    `request ${requestId} (${request.method} ${pathname}) could not be answered: ${error.message}; the caller was told this id and may ask again`,
    { cause: error.cause ?? error },
  );
}

/** The error as a response of the REST-JSON protocol. */
export function errorResponse(error: ApiError, requestId?: string): Response {
  const isOwnFault = error.status >= 500;
  const body = { Type: isOwnFault ? "Service" : "User", Message: error.message, message: error.message };
  return Response.json(body, {
    status: error.status,
    headers: {
      "x-amzn-ErrorType": error.name,
      "Content-Type": "application/json",
      ...(requestId === undefined ? {} : { "x-amzn-RequestId": requestId }),
    },
  });
}
