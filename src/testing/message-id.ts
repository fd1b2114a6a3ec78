// A msg-id (RFC 822) that nobody had before: the timestamp of APOP, the challenge of CRAM-MD5.
import { randomBytes } from "node:crypto";

export function messageId(): string {
  return `<${randomBytes(12).toString("hex")}@popwright.test>`;
}
