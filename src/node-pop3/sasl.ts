// AUTH with its initial response, as programs send it by hand: our client sends it again, with its own checks.
import type { Pop3Auth } from "../options/auth.ts";
import { argumentError, shown } from "../options/checks.ts";

/** Reads what follows AUTH: `PLAIN` or `XOAUTH2`, and the initial response in base64. */
export function authFrom(text: string): Pop3Auth {
  const [mechanism = "", response = ""] = text.split(/ +/);
  const decoded = Buffer.from(response, "base64").toString("utf8");
  const name = mechanism.toUpperCase();
  if (name === "PLAIN") {
    const [authzid, user, pass] = decoded.split("\0");
    if (user !== undefined && pass !== undefined)
      return { user, pass, mechanism: "PLAIN", ...(authzid !== "" && authzid !== undefined && { authzid }) };
  }
  if (name === "XOAUTH2") {
    const [, user, accessToken] = /^user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01$/.exec(decoded) ?? [];
    if (user !== undefined && accessToken !== undefined) return { user, accessToken, mechanism: "XOAUTH2" };
  }
  throw argumentError(
    `command("AUTH", ...) must name PLAIN or XOAUTH2, and have the initial response in base64 (got ${shown(mechanism)}): ` +
      "Pop3Client has the other mechanisms",
  );
}
