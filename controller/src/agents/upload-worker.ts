// The uploader by a connection of its own. It imports next to nothing: it is loaded anew for each large upload, and gRPC would take longer to load than a hundred
// megabytes to send.
import { UploadConnection } from "./upload-connection.js";
import { runUploader } from "./uploader.js";

runUploader((access) => UploadConnection.open(access));
