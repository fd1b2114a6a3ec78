// What the files of a mailbox are called: a name that a person knows again, and that no other mailbox has.
import { createHash } from "node:crypto";

/**
 * `ann@pop.example.com-995.5d8b1c0f2a9e4473`: what of the name is safe in every file system, and a digest, as the
 * rest of it, and upper and lower case, may be all that differs.
 */
export function fileName(mailbox: string): string {
  const readable = mailbox.replace(/[^A-Za-z0-9@._+-]/g, "-").replace(/^[.-]+/, "");
  const digest = createHash("sha256").update(mailbox, "utf8").digest("hex").slice(0, 16);
  return `${readable.slice(0, 80) || "mailbox"}.${digest}`;
}
