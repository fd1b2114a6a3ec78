// Access tokens that a server can check by itself (RFC 7519): no authority is asked, and nothing goes over HTTP.
import { createHmac } from "node:crypto";

export interface TokenOptions {
  /** Seconds until the token expires; below 0: it has, that long ago. @default 3600 */
  readonly expiresIn?: number;
  /** What the token permits. No server here checks it: it only makes the token longer. @default none */
  readonly scope?: string;
}

/** Signs a token that lets in `user` wherever the same key is known, with HMAC-SHA-256 (RFC 7515). */
export function signToken(user: string, key: Buffer, { expiresIn = 3600, scope }: TokenOptions = {}): string {
  const now = Math.floor(Date.now() / 1000);
  // Well before its end, for a token that has expired was good once.
  const issued = now + Math.min(0, expiresIn) - 60;
  const claims = { sub: user, iat: issued, nbf: issued, exp: now + expiresIn, scope };
  const content = [{ alg: "HS256", typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${content}.${createHmac("sha256", key).update(content).digest("base64url")}`;
}
