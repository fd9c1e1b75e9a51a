// The uploader by a call of gRPC.
import { UploadCall } from "./upload-call.js";
import { runUploader } from "./uploader.js";

runUploader(async (access) => new UploadCall(access));
