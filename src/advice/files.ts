// Advice for errors of the operating system about files: by the code of Node's error.
import { systemCode } from "../system/error-code.ts";

const PERMISSION =
  "This user may not do that. Choose another path, or change the owner or the mode of the file or directory.";

/** A socket counts as a file. */
export const TOO_MANY_FILES =
  "This process has too many open files. Raise the limit, for example with ulimit -n.";

const BY_CODE: Readonly<Record<string, string>> = {
  ENOENT: "There is no such file or directory. Check the path.",
  ENOTDIR: "A part of the path is a file, not a directory. Check the path.",
  EISDIR: "This is a directory, not a file. Check the path.",
  EEXIST: "Nothing is overwritten. Choose another name, or remove what has this one.",
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: "The file system is read-only. Choose another path.",
  ENOSPC: "The disk is full. Free some space.",
  EDQUOT: "The quota of this user on the disk is used up. Free some space.",
  ENAMETOOLONG: "The path is too long. Choose a shorter one.",
  ELOOP: "The path has a loop of symbolic links. Check the path.",
  EIO: "The disk, or the connection to it, has failed. Look at the log of the system.",
  EMFILE: TOO_MANY_FILES,
};

/** System calls of sockets, or of files and sockets. */
const NETWORK = /^(?:connect|getaddrinfo|listen|bind|read|write|shutdown)$/;
/** Only a file has these. */
const FILES: ReadonlySet<string> = new Set(["EISDIR", "ENOSPC", "EDQUOT", "EROFS"]);

/** Returns advice for an error of the file system, if it or one of its causes is one. */
export function fileAdvice(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, syscall, path } = each as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) continue;
    const known = systemCode(each) ?? code;
    const isFile = !NETWORK.test(syscall) || path !== undefined || FILES.has(known);
    return isFile ? BY_CODE[known] : undefined;
  }
  return undefined;
}
