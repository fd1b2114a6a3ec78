// What a mailbox and a message are called, wherever something is kept of them: names that outlast a session.
import { createHash } from "node:crypto";

/**
 * The key of a message with a unique-id: SHA-256 of mailbox and unique-id, in hexadecimal. It tells nothing of
 * either, and is safe in a file name.
 */
export function messageKey(mailbox: string, uid: string): string {
  return createHash("sha256").update(`${mailbox}\0${uid}`, "utf8").digest("hex");
}

/**
 * The key of a message whose unique-id is missing or not unique: SHA-256 of mailbox and content. `digest` is the
 * SHA-256 of its octets, in hexadecimal. No unique-id has two NULs before it, so the two kinds cannot meet.
 */
export function contentKey(mailbox: string, digest: string): string {
  return createHash("sha256").update(`${mailbox}\0\0${digest}`, "utf8").digest("hex");
}

/** `ann@pop.example.com:995`: who is logged in where; the host in lower case. Not the password, not the TLS. */
export function mailboxName(user: string, host: string, port: number): string {
  return `${user}@${host.toLowerCase()}:${String(port)}`;
}
