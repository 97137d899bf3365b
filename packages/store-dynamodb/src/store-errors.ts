/**
 * Owns what a failure of DynamoDB means: whether trying again helps, its code, and what to do about it.
 *
 * Source of the names: DynamoDB developer guide, "Error handling with DynamoDB".
 */

import { TidemarkError } from "@tidemark/protocol";

/** What was asked, for messages: `Query` on `index due of table executions`. */
interface Asked {
  readonly action: string;
  readonly tableName: string;
  readonly indexName?: string | undefined;
}

interface AwsError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: unknown;
  readonly CancellationReasons?: readonly { readonly Code?: string; readonly Message?: string }[];
}

const THROTTLED = [
  "ProvisionedThroughputExceededException",
  "ProvisionedThroughputExceeded",
  "ThrottlingException",
  "ThrottlingError",
  "Throttling",
  "RequestLimitExceeded",
  "LimitExceededException",
];
const IN_CONFLICT = ["TransactionConflictException", "TransactionConflict", "TransactionInProgressException"];

/** No answer came: the request may have been carried out. */
const WITHOUT_ANSWER = [
  "TimeoutError",
  "AbortError",
  "NetworkingError",
  "InternalServerError",
  "ServiceUnavailable",
];
const SOCKET_CODES =
  /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|PROTO)|UND_ERR_.*)$/;

const WITHOUT_CREDENTIALS = [
  "CredentialsProviderError",
  "ExpiredTokenException",
  "ExpiredToken",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "MissingAuthenticationToken",
  "IncompleteSignatureException",
];

/** All that the AWS SDK says: the error has neither a name nor a code. */
const WITHOUT_REGION = "Region is missing";

type Passing = "throttled" | "conflict" | "unanswered";

/** Why trying again helps, or `undefined` when it does not. */
function passing(error: AwsError): Passing | undefined {
  const { name = "", code = "", $metadata } = error;
  if (name === "TransactionCanceledException") return passingReason(error);
  if (THROTTLED.includes(name)) return "throttled";
  if (IN_CONFLICT.includes(name)) return "conflict";
  if (WITHOUT_ANSWER.includes(name) || SOCKET_CODES.test(code)) return "unanswered";
  if ($metadata === undefined || WITHOUT_CREDENTIALS.includes(name)) return undefined;
  const { httpStatusCode: status } = $metadata;
  if (status === 429) return "throttled";
  // The client has tried, and has no answer to tell of.
  return status === undefined || status >= 500 ? "unanswered" : undefined;
}

/** Of a transaction in which no condition has failed. */
function passingReason({ CancellationReasons = [] }: AwsError): Passing | undefined {
  const codes = CancellationReasons.map(({ Code }) => Code ?? "None").filter((code) => code !== "None");
  if (codes.some((code) => code === "TransactionConflict")) {
    return codes.every((code) => code === "TransactionConflict" || isThrottle(code)) ? "conflict" : undefined;
  }
  return codes.length > 0 && codes.every(isThrottle) ? "throttled" : undefined;
}

function isThrottle(code: string): boolean {
  return code === "ThrottlingError" || code === "ProvisionedThroughputExceeded";
}

export function isPassing(error: unknown): boolean {
  return passing(Object(error)) !== undefined;
}

/** DynamoDB has refused what was asked, whoever asks and whenever. */
export function isRefusal(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === "TIDEMARK_STORE_UNEXPECTED";
}

/** Failed conditions are answers and no failures: the caller decides what they mean. */
export function isConditionFailure(error: unknown): boolean {
  const { name, CancellationReasons = [] } = Object(error) as AwsError;
  if (name === "ConditionalCheckFailedException") return true;
  if (name !== "TransactionCanceledException") return false;
  return CancellationReasons.some(({ Code }) => Code === "ConditionalCheckFailed");
}

/** The error for users. */
export function storeError(error: unknown, asked: Asked): TidemarkError {
  const aws = Object(error) as AwsError;
  const { action, tableName, indexName } = asked;
  const { name: awsName = "Error", message = "" } = aws;
  const on = indexName === undefined ? "" : ` on index ${indexName}`;
  const failure = (name: string, text: string) =>
    new TidemarkError(`TIDEMARK_STORE_${name}`, `store table ${tableName}: ${action}${on}: ${text}`, {
      cause: error,
    });
  switch (passing(aws)) {
    case "throttled":
      return failure(
        "THROTTLED",
        `DynamoDB goes on refusing for lack of capacity (${awsName}); raise the table's capacity or its limits, use on-demand billing, or raise shards if one function is that busy. The same call may be made again`,
      );
    case "conflict":
      return failure(
        "CONFLICT",
        `other transactions have been on the same item for the whole of retryTimeoutMs (${awsName}); make the same call again, and raise retryTimeoutMs if many finish at once`,
      );
    case "unanswered":
      return failure(
        "UNREACHABLE",
        `no answer within retryTimeoutMs (${awsName}: ${message}); check the network, the region and the endpoint. A write may have been recorded; making the same call again is safe`,
      );
    case undefined:
      break;
  }
  if (awsName === "ResourceNotFoundException") {
    return failure(
      "TABLE",
      "the table does not exist in this account and region; correct tableName or the region, or create the table from tableDefinition() (in development: await store.ensureTable())",
    );
  }
  if (awsName === "AccessDeniedException")
    return failure(
      "ACCESS",
      `access denied (${message}); allow ${permissionOf(message, asked)} to this role`,
    );
  if (message === WITHOUT_REGION)
    return failure(
      "OPTIONS",
      "the client has no region; set AWS_REGION, or pass a client: new DynamoDBClient({ region })",
    );
  if (WITHOUT_CREDENTIALS.includes(awsName)) {
    return failure(
      "ACCESS",
      `the credentials are missing, expired or not valid (${awsName}: ${message}); give this process credentials of a role that may use the table`,
    );
  }
  return validationError(aws, asked, failure);
}

/** Of AWS's own words: a transaction needs the permissions of its parts, and a table's key may be what is denied. */
const DENIED = /not authorized to perform: ([a-z0-9-]+:\w+)(?: on resource: "?(arn:[^\s"]+))?/;

/** There is no permission of the transaction itself. */
const TRANSACTION_ACTIONS =
  "dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:DeleteItem and dynamodb:ConditionCheckItem";

function permissionOf(message: string, { action, tableName, indexName }: Asked): string {
  const [, denied, resource] = DENIED.exec(message) ?? [];
  const asked = action === "TransactWriteItems" ? TRANSACTION_ACTIONS : `dynamodb:${action}`;
  const table = tableName.startsWith("arn:") ? tableName : `table/${tableName}`;
  const where = indexName === undefined ? table : `${table}/index/${indexName}`;
  return `${denied ?? asked} on ${resource ?? where}`;
}

/** What a transaction was refused for is with its parts. */
function reasonOf({ message = "", CancellationReasons = [] }: AwsError): string {
  const reasons = CancellationReasons.flatMap(({ Message }) => Message ?? []);
  return reasons.length === 0 ? message : reasons.join("; ");
}

function validationError(
  error: AwsError,
  { indexName }: Asked,
  failure: (name: string, text: string) => TidemarkError,
): TidemarkError {
  const { name } = error;
  const message = reasonOf(error);
  if (
    /specified index|IndexName|Index Key|secondary index/i.test(message) ||
    isOfIndexKeys(message, indexName)
  ) {
    return failure(
      "INDEX",
      `an index is missing or has other keys than it should (${message}); create the indexes due and list as tableDefinition() describes them`,
    );
  }
  if (/key element|missing the key|key schema/i.test(message)) {
    return failure(
      "TABLE",
      `the table has other keys than it should (${message}); use a table of its own, created from tableDefinition()`,
    );
  }
  if (/item size|maximum allowed size/i.test(message)) {
    return failure("ITEM_TOO_LARGE", `${message}; use smaller payloads`);
  }
  return failure(
    "UNEXPECTED",
    `${name}: ${message}; nothing of this request was recorded. Please report this with the cause`,
  );
}

function isOfIndexKeys(message: string, indexName: string | undefined): boolean {
  return indexName !== undefined && /key schema element|key element/i.test(message);
}

export function closedError(tableName: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_CLOSED",
    `store table ${tableName} has been closed; open it again with DynamoDbStore.open`,
  );
}

export function optionsError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_STORE_OPTIONS", `DynamoDbStore.open: ${problem}`);
}

/** @param form what the item says of itself. */
export function packingError(form: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_VERSION",
    `a text in the store's table is packed in form ${form}, which this version of Tidemark does not know; upgrade @tidemark/store-dynamodb in this process. The execution is unchanged`,
  );
}

export function versionError(
  tableName: string,
  executionId: string,
  format: unknown,
  known: number,
): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_VERSION",
    `store table ${tableName}: execution ${executionId} has format ${JSON.stringify(format)}, this version of Tidemark knows ${known}; upgrade @tidemark/store-dynamodb in this process. The execution is unchanged`,
  );
}

export function indexError(tableName: string, problem: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_INDEX",
    `store table ${tableName}: ${problem}; create the indexes due and list as tableDefinition() describes them`,
  );
}

export function tableError(tableName: string, problem: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_TABLE",
    `store table ${tableName}: ${problem}; use a table of its own, created from tableDefinition()`,
  );
}

export function corruptError(tableName: string, executionId: string, problem: string, cause?: unknown) {
  return new TidemarkError(
    "TIDEMARK_LOG_CORRUPT",
    `store table ${tableName}, execution ${executionId}: ${problem}; restore the table to a point in time before the damage`,
    { cause },
  );
}

/** An error of the protocol, which knows entries only, with the execution that it is about. */
export function errorOf(tableName: string, executionId: string, { code, message, cause }: TidemarkError) {
  const where = `store table ${tableName}, execution ${executionId}`;
  return new TidemarkError(code, `${where}: ${message}`, { cause });
}

export function missingInputError(tableName: string, executionId: string): TidemarkError {
  return corruptError(tableName, executionId, "the input is missing");
}

export function entryTooLargeError(
  tableName: string,
  sequence: number,
  bytes: number,
  maxBytes: number,
): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_ENTRY_TOO_LARGE",
    `store table ${tableName}: log entry ${sequence} has ${bytes} bytes, at most ${maxBytes} are allowed; split the checkpoint or use smaller payloads`,
  );
}

/** What is too large, for example `the result of execution e1`. */
export function itemTooLargeError(
  tableName: string,
  what: string,
  bytes: number,
  maxBytes: number,
): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_ITEM_TOO_LARGE",
    `store table ${tableName}: ${what} makes an item of ${bytes} bytes, at most ${maxBytes} are allowed; pass where the value is, not the value`,
  );
}
