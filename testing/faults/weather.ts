/**
 * Owns what goes wrong in a campaign: which request has which fault. Pure but for its own sequence of numbers: the
 * same seed gives the same faults to the same row of requests.
 */

import { seededRandom } from "@tidemark/testing";
import type { Answer, NetworkFault, PassingRequest } from "../engines/network";

export type Service = "dynamodb" | "s3";

export interface WeatherOptions {
  readonly service: Service;
  readonly seed: number;
  /** The share of requests that have a fault. */
  readonly rate: number;
}

/** A fault by name, for the figures. */
interface Possible {
  readonly name: string;
  /** How often it comes, in relation to the others. */
  readonly weight: number;
  readonly fault: (random: () => number, request: PassingRequest) => NetworkFault;
}

/** Short of what makes a client give up. */
const MAX_DELAY_MS = 1_500;
/** Past that: the store's attempts end after 4 s of silence, and the request is carried out nevertheless. */
const STALL_MS = 4_500;
const MAX_LATE_MS = 3_000;

const OF_THE_NETWORK: readonly Possible[] = [
  { name: "request lost", weight: 12, fault: () => ({ kind: "lose-request" }) },
  { name: "answer lost", weight: 18, fault: () => ({ kind: "lose-answer" }) },
  { name: "answer cut", weight: 8, fault: () => ({ kind: "cut-answer" }) },
  {
    name: "request delayed",
    weight: 10,
    fault: (random) => ({ kind: "delay-request", ms: random() * MAX_DELAY_MS }),
  },
  {
    name: "answer delayed",
    weight: 8,
    fault: (random) => ({ kind: "delay-answer", ms: random() * MAX_DELAY_MS }),
  },
  { name: "request stalled", weight: 1, fault: () => ({ kind: "delay-request", ms: STALL_MS }) },
  { name: "duplicate", weight: 10, fault: () => ({ kind: "duplicate" }) },
  {
    name: "late duplicate",
    weight: 8,
    fault: (random) => ({ kind: "late-duplicate", ms: random() * MAX_LATE_MS }),
  },
  { name: "502 of a proxy", weight: 3, fault: () => answered(false, BAD_GATEWAY) },
  { name: "502 of a proxy, landed", weight: 3, fault: () => answered(true, BAD_GATEWAY) },
];

const OF_DYNAMODB: readonly Possible[] = [
  refusal("ProvisionedThroughputExceededException", 400, 6),
  refusal("ThrottlingException", 400, 4),
  refusal("InternalServerError", 500, 4),
  refusal("InternalServerError", 500, 6, true),
  refusal("ServiceUnavailable", 503, 2),
  refusal("ThrottlingException", 400, 3, true),
  { name: "TransactionConflict", weight: 4, fault: (_, request) => conflict(request) },
];

const OF_S3: readonly Possible[] = [
  s3Refusal("SlowDown", 503, 8),
  s3Refusal("InternalError", 500, 4),
  s3Refusal("InternalError", 500, 6, true),
  s3Refusal("ServiceUnavailable", 503, 3, true),
];

export class Weather {
  /** How many there were of each fault. */
  readonly counts: Record<string, number> = {};
  readonly #rate: number;
  readonly #random: () => number;
  readonly #possible: readonly Possible[];
  readonly #weight: number;

  constructor({ service, seed, rate }: WeatherOptions) {
    this.#rate = rate;
    this.#random = seededRandom(seed);
    this.#possible = [...OF_THE_NETWORK, ...(service === "s3" ? OF_S3 : OF_DYNAMODB)];
    this.#weight = this.#possible.reduce((sum, { weight }) => sum + weight, 0);
  }

  decide(request: PassingRequest): NetworkFault | undefined {
    // Both are drawn for every request, so that a request more or less moves nothing but itself.
    const [chance, choice] = [this.#random(), this.#random()];
    if (chance >= this.#rate) return undefined;
    let left = choice * this.#weight;
    const chosen = this.#possible.find(({ weight }) => {
      left -= weight;
      return left < 0;
    }) as Possible;
    this.counts[chosen.name] = (this.counts[chosen.name] ?? 0) + 1;
    return chosen.fault(this.#random, request);
  }
}

const BAD_GATEWAY: Answer = {
  status: 502,
  headers: { "content-type": "text/html" },
  body: Buffer.from("<html><body><h1>502 Bad Gateway</h1></body></html>"),
};

function answered(hasLanded: boolean, answer: Answer): NetworkFault {
  return { kind: "answer", hasLanded, answer };
}

function refusal(name: string, status: number, weight: number, hasLanded = false): Possible {
  const answer = dynamoDbAnswer(status, {
    __type: `com.amazonaws.dynamodb.v20120810#${name}`,
    message: "so",
  });
  return { name: nameOf(name, hasLanded), weight, fault: () => answered(hasLanded, answer) };
}

function s3Refusal(code: string, status: number, weight: number, hasLanded = false): Possible {
  const body = Buffer.from(`<Error><Code>${code}</Code><Message>so</Message></Error>`);
  const answer = { status, headers: { "content-type": "application/xml" }, body };
  return { name: nameOf(code, hasLanded), weight, fault: () => answered(hasLanded, answer) };
}

/** As a transaction gets it, or a single write of an item that a transaction has. */
function conflict({ headers }: PassingRequest): NetworkFault {
  const isTransaction = String(headers["x-amz-target"]).endsWith("TransactWriteItems");
  const name = isTransaction ? "TransactionCanceledException" : "TransactionConflictException";
  const reasons = isTransaction ? { CancellationReasons: [{ Code: "TransactionConflict" }] } : {};
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "so", ...reasons };
  return answered(false, dynamoDbAnswer(400, body));
}

function dynamoDbAnswer(status: number, body: object): Answer {
  const headers = { "content-type": "application/x-amz-json-1.0" };
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

function nameOf(name: string, hasLanded: boolean): string {
  return hasLanded ? `${name}, landed` : name;
}
