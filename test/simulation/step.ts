// Names the step of a fetch to which an operation of the disk belongs, and lists all steps.
import type { Call } from "../crash/file-system.ts";

const KINDS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/\.lock[^/]*$/, "lock"],
  [/\.journal$/, "journal"],
  [/\.journal\.[0-9a-f]+\.tmp$/, "new journal"],
  [/\.state/, "state file"],
  [/^\/state/, "directory of the ledger"],
  [/\/\.[^/]*popwright-[^/]*$/, "spool file"],
  [/^\/mail\/inbox/, "mbox"],
  [/(\.eml|\.popwright)[^/]*$/, "message"],
  [/^\/mail/, "directory of the mail"],
];

/** What is done with each kind of file. */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  "directory of the ledger": ["close", "fsync", "mkdir", "open", "readdir", "stat"],
  "directory of the mail": ["close", "fstat", "fsync", "mkdir", "open", "readdir", "stat"],
  journal: ["close", "fstat", "fsync", "ftruncate", "open", "read", "stat", "write"],
  lock: ["close", "fstat", "futimes", "link", "open", "read", "rename", "stat", "unlink", "write"],
  mbox: ["close", "fstat", "fsync", "ftruncate", "open", "read", "stat", "write"],
  message: ["link", "stat"],
  "new journal": ["close", "fsync", "open", "rename", "unlink", "write"],
  other: ["close", "fsync", "open", "readlink", "statfs"],
  "spool file": [
    "close",
    "fchmod",
    "fstat",
    "fsync",
    "ftruncate",
    "open",
    "read",
    "rename",
    "stat",
    "unlink",
    "write",
  ],
  "state file": ["close", "fstat", "fsync", "open", "read", "rename", "unlink", "write"],
};

/** The commands of a session; "connect" is everything before the first one. */
const COMMANDS = ["AUTH", "CAPA", "DELE", "LIST", "NOOP", "QUIT", "RETR", "TOP", "UIDL", "connect"];

/** Steps of a destination, of a receiver of messages, and of a login that may find other unique-ids. */
const OTHERS = ["POST", "begin", "commit", "connect to receiver", "deliver", "login", "write"];

/** All steps to which worlds must come: operations of the disk, commands that have arrived at the server, deliveries. */
export const STEPS: readonly string[] = [
  ...COMMANDS,
  ...OTHERS,
  ...Object.entries(OPERATIONS).flatMap(([what, names]) => names.map((name) => `${name} ${what}`)),
];

export function stepOf({ name, path }: Call): string {
  const [, what = "other"] = KINDS.find(([pattern]) => pattern.test(path)) ?? [];
  return `${name} ${what}`;
}
