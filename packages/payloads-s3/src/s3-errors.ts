/** Owns what S3's errors mean: whether asking again helps, and what they say to people. */

import { TidemarkError } from "@tidemark/protocol";

/** What was asked of S3. */
export interface Access {
  /** Of IAM. */
  readonly action: "s3:PutObject" | "s3:GetObject" | "s3:ListBucket" | "s3:DeleteObject";
  readonly bucket: string;
  readonly prefix: string;
}

interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  /** The region of the bucket, in an `AuthorizationHeaderMalformed`. */
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** Source: S3 API reference, "Error responses". */
const PASSING = [
  "SlowDown",
  "ServiceUnavailable",
  "InternalError",
  "RequestTimeout",
  "OperationAborted",
  "Throttling",
  "ThrottlingException",
  "RequestLimitExceeded",
  "TimeoutError",
  "AbortError",
  "NetworkingError",
];
const SOCKET_CODES =
  /^(E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|PROTO)|UND_ERR_.*|ERR_STREAM_PREMATURE_CLOSE)$/;

/** Whether the same request may succeed soon. */
export function isPassing(error: unknown): boolean {
  const { name = "", code = "", $metadata } = Object(error) as ServiceError;
  if (PASSING.includes(name) || SOCKET_CODES.test(code)) return true;
  if ($metadata === undefined || WITHOUT_CREDENTIALS.includes(name)) return false;
  const { httpStatusCode: status } = $metadata;
  // The client has tried, and has no answer to tell of.
  return status === undefined || status >= 500 || status === 429;
}

/** The error with a message that says what to do; the original is its cause. */
export function explained(cause: unknown, access: Access): TidemarkError {
  const error = Object(cause) as ServiceError;
  const { name = "Error", message = "" } = error;
  const advice = adviceOn(error, access) ?? `${message} (${access.action} on bucket ${access.bucket})`;
  return new TidemarkError("TIDEMARK_PAYLOAD_STORE", `${name}: ${advice}`, { cause });
}

/** Of AWS's own words, which name the key of KMS or the bucket if that is what is denied. */
const DENIED = /not authorized to perform: ([a-z0-9-]+:\w+)(?: on resource: "?(arn:[^\s"]+))?/;

const WITHOUT_CREDENTIALS = [
  "CredentialsProviderError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
];

/** All that the AWS SDK says: the error has neither a name nor a code. */
const WITHOUT_REGION = "Region is missing";

function adviceOn(error: ServiceError, access: Access): string | undefined {
  const { name = "Error", message = "", $metadata } = error;
  const { bucket } = access;
  const status = $metadata?.httpStatusCode;
  if (name === "NoSuchBucket") return `bucket ${bucket} does not exist; create it, or correct its name`;
  if (status === 301 || name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed") {
    const region = error.Region ?? error.$response?.headers?.["x-amz-bucket-region"];
    return region === undefined
      ? `bucket ${bucket} is in another region; give the client the region of the bucket`
      : `bucket ${bucket} is in region ${region}; give the client that region`;
  }
  if (message === WITHOUT_REGION)
    return "the client has no region; set AWS_REGION, or pass clientConfig: { region }";
  if (WITHOUT_CREDENTIALS.includes(name))
    return `the credentials are missing, expired or not valid (${message}); give this process credentials of a role that may use bucket ${bucket}`;
  if (name === "RequestTimeTooSkewed")
    return `the clock of this machine is wrong (${message}); set it, for example with NTP`;
  if (name === "InvalidObjectState")
    return `the object is in an archive (${message}); restore it, and keep lifecycle rules from moving payloads to an archive`;
  if (status === 403 && (name === "AccessDenied" || DENIED.test(message))) return deniedText(message, access);
  return undefined;
}

function deniedText(message: string, { action, bucket, prefix }: Access): string {
  const [, denied, arn] = DENIED.exec(message) ?? [];
  const asked = `arn:aws:s3:::${action === "s3:ListBucket" ? bucket : `${bucket}/${prefix}*`}`;
  // Object by object nobody grants anything.
  const resource = arn === undefined || denied === action ? asked : arn;
  // Source: S3, GetObject, "Permissions": without s3:ListBucket an object that does not exist is a 403, not a 404.
  const orGone =
    action === "s3:GetObject"
      ? `. Without s3:ListBucket on arn:aws:s3:::${bucket}, S3 says the same of an object that does not exist`
      : "";
  return `access denied; allow ${denied ?? action} on ${resource}${orGone}`;
}
