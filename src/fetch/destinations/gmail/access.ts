// The access token: asked of the caller, and used only after it has told that it is for the address that was named. So no
// mail gets into the wrong account.
import { untilAborted } from "../../../net/settle.ts";
import { sameAddress } from "../../../options/mail-address.ts";
import { Pop3Error, type OAuthRefusal } from "../../../errors.ts";
import { foreignError, messageOf } from "../../../protocol/foreign-error.ts";
import { printable, typeOf } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import type { GmailReply, GmailRequest } from "./exchange.ts";
import { failureIn, isBusy, lacksScope } from "./failure.ts";
import type { CompleteOptions } from "./options.ts";

/** Sends a request with this token. */
type Send = (request: GmailRequest, token: string) => Promise<GmailReply>;

export class Access {
  readonly #address: string;
  readonly #options: Pick<CompleteOptions, "accessToken" | "api">;
  readonly #secrets: Secrets;
  #token: string | undefined;
  /** The token that is known to be for the address. */
  #verified: string | undefined;

  constructor(address: string, options: Pick<CompleteOptions, "accessToken" | "api">, secrets: Secrets) {
    this.#address = address;
    this.#options = options;
    this.#secrets = secrets;
  }

  /** Returns the token of the last call, or asks for one. */
  async token(signal: AbortSignal | undefined): Promise<string> {
    return this.#token ?? this.renew(undefined, signal);
  }

  /**
   * Asks for a token. `refusal`: what Gmail said about the last one. Rejects with {@link DestinationError} if there is none,
   * and with `POP3_ABORTED` if the signal is aborted.
   */
  async renew(refusal: OAuthRefusal | undefined, signal: AbortSignal | undefined): Promise<string> {
    let token: unknown;
    try {
      token = await untilAborted(signal, () => this.#options.accessToken(refusal));
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw this.#noToken(error);
    }
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
      const got = typeof token === "string" ? "a string that cannot be one" : typeOf(token);
      throw new DestinationError(`gmail.accessToken must return an access token (got ${got})`, {
        down: true,
      });
    }
    this.#secrets.add(token);
    this.#token = token;
    return token;
  }

  /**
   * Verifies that a token is for the address, unless that is known. Resolves with `undefined`, or with a reply that says that
   * the token is not accepted, or that Google is busy. Rejects with {@link DestinationError} if it is for another address,
   * or does not tell.
   */
  async verify(token: string, send: Send): Promise<GmailReply | undefined> {
    if (token === this.#verified) return undefined;
    const { userinfo, gmail } = this.#options.api;
    // With the scopes "openid email".
    let reply = await send({ method: "GET", url: userinfo }, token);
    let address = reply.json["email_verified"] === false ? undefined : reply.json["email"];
    if (isBusy(reply)) return reply;
    if (reply.status !== 200 || typeof address !== "string") {
      // With any scope that allows reading. Its answer also distinguishes a token that was refused from one without a scope.
      reply = await send({ method: "GET", url: new URL("/gmail/v1/users/me/profile", gmail) }, token);
      address = reply.json["emailAddress"];
      if (isBusy(reply) || reply.status === 401) return reply;
      if (reply.status !== 200 && !lacksScope(reply)) throw failureIn(reply, "account", this.#secrets);
    }
    if (typeof address !== "string" || reply.status !== 200)
      throw new DestinationError(
        `the access token does not tell whether it is for ${printable(this.#address)}. Nothing was imported. Sign in with the scopes "openid email" in addition`,
        { down: true },
      );
    if (!sameAddress(address, this.#address))
      throw new DestinationError(
        `the access token is for ${printable(address)}, not for ${printable(this.#address)}. Nothing was imported. Sign in with the other account, or name this one`,
        { down: true },
      );
    this.#verified = token;
    return undefined;
  }

  #noToken(error: unknown): DestinationError {
    if (DestinationError.is(error)) return error;
    // The error of `popwright/oauth2`, from any build, or a like one.
    const { error: code, description } = (error ?? {}) as Partial<Record<"error" | "description", unknown>>;
    const cause = Pop3Error.is(error) ? error : foreignError(error, this.#secrets);
    const words = printable(messageOf(error), this.#secrets);
    return new DestinationError(
      `there is no access token for ${printable(this.#address)}: ${words}${hintFor(code, description)}`,
      {
        cause,
        down: true,
      },
    );
  }
}

function hintFor(code: unknown, description: unknown): string {
  if ([code, description].some((text) => typeof text === "string" && text.includes("policy_enforced")))
    return ". Accounts in Google's Advanced Protection Program cannot be used";
  return code === "invalid_grant"
    ? '. Sign in again. If the consent screen of your client is in "Testing", a sign-in ends after seven days: publish it in the Google Cloud console first'
    : "";
}
