export { type ServedApi, type ServeOptions, serveApi } from "./api-listen.js";
export { type DurableApi, type DurableApiOptions, durableApi } from "./api-server.js";
export { type DueWakeUp, type ExactScheduleOptions, exactSchedule, type Schedule } from "./exact-schedule.js";
export {
  type DurableLambdaOptions,
  durableLambda,
  type PlainLambdaOptions,
  plainLambda,
} from "./lambda-call.js";
export { type LambdaFunctionOptions, lambdaFunction } from "./lambda-function.js";
export {
  type LambdaAnswer,
  type LambdaHandler,
  type LambdaHandlerOptions,
  lambdaHandler,
} from "./lambda-handler.js";
export { type Invoke, type LambdaInvokeOptions, lambdaInvoke, type WakeUp } from "./lambda-invoke.js";
export type { HandlerContext, OpenStore } from "./options.js";
export { type WakeUpEvent, wakeUpEvent } from "./wake-up-event.js";
export {
  type WakerFailure,
  type WakerHandler,
  type WakerHandlerOptions,
  type WakerResult,
  wakerHandler,
} from "./waker-handler.js";
export { type WakingStoreOptions, wakingStore } from "./waking-store.js";
