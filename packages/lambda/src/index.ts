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
