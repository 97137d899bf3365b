/** Owns which events of a history are given, and how they get their payloads. */

import { type ErrorObject, type HistoryEvent, isStandIn, type PayloadReader } from "@tidemark/protocol";
import type { HistoryOptions } from "./client-options.js";
import { type LargePayload, largePayload } from "./description.js";

/** `Input`, `Result` or `Error` of an event. */
interface EventPayload {
  Payload?: string | ErrorObject;
  Truncated?: boolean;
  /** Tidemark: of one that is kept outside of the log and was not read. */
  Large?: LargePayload;
}

/** The events that are asked for, in the order that is. */
export function partOf(
  events: readonly HistoryEvent[],
  { newestFirst = false, afterEventId, limit }: HistoryOptions,
): readonly HistoryEvent[] {
  const inOrder = newestFirst ? events.toReversed() : events;
  const isBeyond = ({ EventId }: HistoryEvent): boolean =>
    afterEventId === undefined || (newestFirst ? EventId < afterEventId : EventId > afterEventId);
  return inOrder.filter(isBeyond).slice(0, limit);
}

/** The events with the payloads that stand-ins stand for; without a reader, with what is known of those, `Truncated`. */
export function readHistory(
  events: readonly HistoryEvent[],
  reader: PayloadReader | undefined,
): Promise<HistoryEvent[]> {
  return Promise.all(events.map((event) => readEvent(event, reader)));
}

async function readEvent(event: HistoryEvent, reader: PayloadReader | undefined): Promise<HistoryEvent> {
  const member = `${event.EventType}Details` as const;
  const details = event[member];
  if (details === undefined) return event;
  let read: Record<string, unknown> | undefined;
  for (const name of ["Input", "Result", "Error"]) {
    const payload = details[name] as EventPayload | undefined;
    if (payload === undefined || !hasStandIn(payload)) continue;
    read ??= { ...details };
    read[name] =
      reader === undefined ? unread(payload) : { ...payload, Payload: await payloadOf(payload, reader) };
  }
  return read === undefined ? event : { ...event, [member]: read };
}

function hasStandIn(payload: EventPayload): boolean {
  return isStandIn(recordedText(payload));
}

function recordedText({ Payload }: EventPayload): string | undefined {
  return typeof Payload === "object" ? Payload.ErrorData : Payload;
}

function unread(payload: EventPayload): EventPayload {
  const Large = largePayload(recordedText(payload) as string);
  return Large.bytes === undefined ? { Truncated: true } : { Truncated: true, Large };
}

async function payloadOf(
  { Payload }: EventPayload,
  reader: PayloadReader,
): Promise<string | ErrorObject | undefined> {
  return typeof Payload === "object" ? reader.readError(Payload) : reader.read(Payload ?? "");
}
