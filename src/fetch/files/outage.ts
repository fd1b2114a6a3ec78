// Tells which errors of the system mean that a disk or a service as a whole does not work now.
import { systemCode } from "../../system/error-code.ts";

/** No space, no permission, no such directory, no connection: no message can cause these errors. */
const OUTAGES: ReadonlySet<unknown> = new Set([
  ...[
    "ENOSPC",
    "EDQUOT",
    "EROFS",
    "EACCES",
    "EPERM",
    "EIO",
    "EBUSY",
    "ENOENT",
    "ENOTDIR",
    "EMFILE",
    "ENFILE",
    // A file system without hard links.
    "EMLINK",
  ],
  // NFS does not know the file any more, the program of a FUSE file system has died, a device is gone.
  ...["ESTALE", "ENOTCONN", "ENODEV", "ENXIO"],
  // A signal came, or the system has no memory or no process left for now.
  ...["EINTR", "ENOMEM", "EAGAIN"],
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
]);

/** Tells whether a later call may succeed without any change, and whether every other call fails now, too. */
export function isOutage(error: unknown): boolean {
  return OUTAGES.has(systemCode(error));
}
