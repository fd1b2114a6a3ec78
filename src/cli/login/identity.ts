// Checks with the ID token (OpenID Connect Core section 2) which account has signed in: a browser is often signed in to
// another one, and then mail of the wrong mailbox would be fetched or delivered.
import { sameAddress } from "../../options/mail-address.ts";
import { printable } from "../../protocol/printable.ts";
import { SignInError } from "../usage-error.ts";

export interface ExpectedIdentity {
  readonly address: string;
  readonly clientId: string;
  /** The random value of the request; `undefined`: the flow has none. */
  readonly nonce: string | undefined;
}

/**
 * Throws {@link SignInError} if the token is not for this client and request, or is for another account. Its signature is
 * not verified: it comes from the token server itself, over TLS (OpenID Connect Core section 3.1.3.7).
 */
export function checkIdentity(idToken: string | undefined, expected: ExpectedIdentity): void {
  const claims = claimsIn(idToken ?? "");
  const { aud, nonce, email, email_verified: verified, preferred_username: name } = claims;
  const isOurs = [aud].flat().includes(expected.clientId) && nonce === expected.nonce;
  if (idToken === undefined || !isOurs)
    throw new SignInError(
      "the provider did not say which account has signed in (its ID token is missing or not for this sign-in). Nothing was stored",
    );
  // Microsoft has the user name of an organisation in `preferred_username`; the address may be another.
  const addresses = [verified === false ? undefined : email, name].filter((each) => typeof each === "string");
  if (addresses.some((each) => sameAddress(each, expected.address))) return;
  const who = addresses.length === 0 ? "an account without an address" : printable(addresses.join(" or "));
  throw new SignInError(
    `${who} has signed in, not ${printable(expected.address)}. Nothing was stored. Sign in with the other account, or name this one`,
  );
}

function claimsIn(idToken: string): Readonly<Record<string, unknown>> {
  try {
    const [, payload = ""] = idToken.split(".");
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
