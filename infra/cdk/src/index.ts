export { Tidemark, type TidemarkProps, type WakerProps } from "./tidemark.js";
