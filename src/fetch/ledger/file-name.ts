// Names the files of a mailbox: a person recognises the name, and no other mailbox has it.
import { createHash } from "node:crypto";

/**
 * Returns a name such as `ann@pop.example.com-995.5d8b1c0f2a9e4473`: the characters that are safe in every
 * file system, and a digest. The digest is needed because two names may differ only in other characters, or
 * only in case.
 */
export function fileName(mailbox: string): string {
  const readable = mailbox.replace(/[^A-Za-z0-9@._+-]/g, "-").replace(/^[.-]+/, "");
  const digest = createHash("sha256").update(mailbox, "utf8").digest("hex").slice(0, 16);
  return `${readable.slice(0, 80) || "mailbox"}.${digest}`;
}
