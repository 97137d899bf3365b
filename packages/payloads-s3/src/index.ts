export { S3PayloadStore, type S3PayloadStoreOptions } from "./s3-payload-store.js";
