// CRAM-MD5 (RFC 2195): the client answers a challenge with its name and a keyed digest of the challenge.
import { createHmac } from "node:crypto";
import { messageId } from "../message-id.ts";
import type { ServerMechanism } from "./mechanism.ts";

/** The name may contain spaces; the digest does not. */
const RESPONSE = /^(.*) ([0-9a-f]{32})$/s;

/** `challenge`: the same challenge for every login; without it, each login gets a new one. */
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
