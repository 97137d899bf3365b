/** Owns what S3's errors say to people: which action on which resource, and what to do. */

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
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The error with a message that says what to do; the original is its cause. */
export function explained(cause: unknown, access: Access): Error {
  const { name = "Error", message = "", $metadata } = (cause ?? {}) as ServiceError;
  const advice = adviceOn(name, $metadata?.httpStatusCode, access);
  return new Error(advice === undefined ? `${name}: ${message}` : `${name}: ${advice}`, { cause });
}

function adviceOn(name: string, status: number | undefined, access: Access): string | undefined {
  const { action, bucket, prefix } = access;
  if (name === "NoSuchBucket") return `bucket ${bucket} does not exist; create it, or correct its name`;
  if (status === 301 || name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed") {
    return `bucket ${bucket} is in another region; give the client the region of the bucket`;
  }
  if (status === 403) {
    const resource = action === "s3:ListBucket" ? bucket : `${bucket}/${prefix}*`;
    return `access denied; allow ${action} on arn:aws:s3:::${resource}`;
  }
  return undefined;
}
