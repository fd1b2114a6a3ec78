// Makes a unique msg-id (RFC 822), for the timestamp of APOP and the challenge of CRAM-MD5.
import { randomBytes } from "node:crypto";

export function messageId(): string {
  return `<${randomBytes(12).toString("hex")}@popwright.test>`;
}
