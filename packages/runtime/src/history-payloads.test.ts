/** Which events of a history are given. */

import type { HistoryEvent } from "@tidemark/protocol";
import { partOf } from "./history-payloads";

const EVENTS = [1, 2, 3, 4].map((EventId) => ({ EventId }) as HistoryEvent);

it.each([
  [{}, [1, 2, 3, 4]],
  [{ limit: 2 }, [1, 2]],
  [{ afterEventId: 2 }, [3, 4]],
  [{ afterEventId: 1, limit: 2 }, [2, 3]],
  [{ newestFirst: true, limit: 2 }, [4, 3]],
  [{ newestFirst: true, afterEventId: 3, limit: 5 }, [2, 1]],
  [{ afterEventId: 4 }, []],
])("of a history with four events %j gives %j", (options, ids) => {
  expect(partOf(EVENTS, options).map(({ EventId }) => EventId)).toEqual(ids);
});
