// Computes the names of mailboxes and the keys of messages. They are stored, so they must never change.
import { createHash } from "node:crypto";
import { argumentError, checkText, shown } from "../options/checks.ts";

/**
 * Returns the key of a message with a unique-id: SHA-256 of mailbox and unique-id, in hexadecimal. It is safe
 * in a file name. It does not contain the mailbox or the unique-id in readable form. Throws
 * `POP3_INVALID_ARGUMENT` if an argument is not a string, or `mailbox` is empty.
 *
 * @example
 * ```ts
 * const key = messageKey("ann@pop.example.com:995", "uid-1");
 * ```
 */
export function messageKey(mailbox: string, uid: string): string {
  checkText("mailbox", mailbox, argumentError);
  if (typeof uid !== "string") throw argumentError(`uid must be a string (got ${shown(uid)})`);
  return createHash("sha256").update(`${mailbox}\0${uid}`, "utf8").digest("hex");
}

/**
 * Returns the key of a message whose unique-id is missing or not unique: SHA-256 of mailbox and content, in
 * hexadecimal. `digest` is the SHA-256 of its bytes, in hexadecimal. The input has two NULs, and that of
 * `messageKey` has one, so the two kinds of keys cannot be equal. Throws `POP3_INVALID_ARGUMENT` if an
 * argument is not a non-empty string.
 *
 * @example
 * ```ts
 * const digest = createHash("sha256").update(octets).digest("hex");
 * const key = contentKey("ann@pop.example.com:995", digest);
 * ```
 */
export function contentKey(mailbox: string, digest: string): string {
  checkText("mailbox", mailbox, argumentError);
  checkText("digest", digest, argumentError);
  return createHash("sha256").update(`${mailbox}\0\0${digest}`, "utf8").digest("hex");
}

/**
 * Returns a name like `ann@pop.example.com:995`, with the host in lower case. Password and TLS do not change
 * the name.
 */
export function mailboxName(user: string, host: string, port: number): string {
  return `${user}@${host.toLowerCase()}:${String(port)}`;
}
