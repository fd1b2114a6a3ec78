// CRAM-MD5 (RFC 2195): a challenge like APOP's timestamp, answered with the name and a keyed digest of it.
import { createHmac } from "node:crypto";
import { messageId } from "../message-id.ts";
import type { ServerMechanism } from "./mechanism.ts";

/** The name may have spaces in it, the digest has none. */
const RESPONSE = /^(.*) ([0-9a-f]{32})$/s;

/** `challenge`: always this one; without it a new one each time. */
export function cramMd5(challenge?: string): ServerMechanism {
  return {
    name: "CRAM-MD5",
    initialResponse: false,
    *exchange(accounts) {
      const sent = challenge ?? messageId();
      const response = yield Buffer.from(sent, "utf8");
      const [, name = "", digest = ""] = RESPONSE.exec(response.toString(accounts.charset)) ?? [];
      const account = accounts.find(name);
      if (account?.pass === undefined) return undefined;
      const hmac = createHmac("md5", Buffer.from(account.pass, accounts.charset));
      return digest === hmac.update(sent, "utf8").digest("hex") ? account : undefined;
    },
  };
}
