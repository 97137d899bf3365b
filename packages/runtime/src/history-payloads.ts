/** Owns how the events of a history get their payloads. */

import { type ErrorObject, type HistoryEvent, isStandIn, type PayloadReader } from "@tidemark/protocol";

/** `Input`, `Result` or `Error` of an event. */
interface EventPayload {
  Payload?: string | ErrorObject;
  Truncated?: boolean;
}

/** The events with the payloads that stand-ins stand for; without a reader, with those marked as `Truncated`. */
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
      reader === undefined ? { Truncated: true } : { ...payload, Payload: await payloadOf(payload, reader) };
  }
  return read === undefined ? event : { ...event, [member]: read };
}

function hasStandIn({ Payload }: EventPayload): boolean {
  return isStandIn(typeof Payload === "object" ? Payload.ErrorData : Payload);
}

async function payloadOf(
  { Payload }: EventPayload,
  reader: PayloadReader,
): Promise<string | ErrorObject | undefined> {
  return typeof Payload === "object" ? reader.readError(Payload) : reader.read(Payload ?? "");
}
