// The Gmail API for one address: requests with a token that was verified, one at a time, repeated while Google is busy.
import { Secrets } from "../../../protocol/secrets.ts";
import { canonicalAddress } from "../../../options/mail-address.ts";
import type { DestinationError } from "../destination-error.ts";
import { Access } from "./access.ts";
import { exchange, NoReply, type GmailReply, type GmailRequest } from "./exchange.ts";
import { failureIn, isBusy } from "./failure.ts";
import type { CompleteOptions } from "./options.ts";
import { Patience } from "./patience.ts";
import { GmailUser } from "./user.ts";

const MIB = 1024 * 1024;

export class GmailApi {
  readonly #options: CompleteOptions;
  readonly #secrets: Secrets = new Secrets();
  readonly #access: Access;
  readonly #user: GmailUser;

  constructor(address: string, options: CompleteOptions) {
    this.#options = options;
    this.#access = new Access(address, options, this.#secrets);
    this.#user = GmailUser.named(`${options.api.gmail.origin} ${canonicalAddress(address)}`);
  }

  /** Throws {@link DestinationError} while Gmail wants no requests. */
  checkPause(): void {
    this.#user.checkPause();
  }

  /** Asks for the token of the next requests. */
  async refreshToken(signal: AbortSignal | undefined): Promise<void> {
    await this.#access.renew(undefined, signal);
  }

  /** Asks for a token, and verifies it. Rejects with {@link DestinationError} if it cannot be used. */
  async verifyToken(signal: AbortSignal | undefined): Promise<void> {
    await this.refreshToken(signal);
    // Only the token matters, so this stands for the reply to a request.
    const verified: GmailReply = { status: 200, headers: new Headers(), json: {} };
    const verify = (): Promise<GmailReply> => this.#withToken(() => Promise.resolve(verified), signal);
    const reply = await this.#patiently(verify, signal);
    if (reply !== verified) throw this.failure(reply, "account");
  }

  /** Returns the address of a method: `labels`, `messages`. */
  method(path: string, parameters: Readonly<Record<string, string>> = {}): URL {
    return this.#address(`/gmail/v1/users/me/${path}`, parameters);
  }

  /** The same for a method that takes an upload. */
  upload(path: string, parameters: Readonly<Record<string, string>>): URL {
    return this.#address(`/upload/gmail/v1/users/me/${path}`, parameters);
  }

  /** Whether a token may be sent to this address: it is one of the API. */
  isOwn(address: URL): boolean {
    const { gmail } = this.#options.api;
    const isOfGoogle = ({ protocol, port, hostname }: URL): boolean =>
      protocol === "https:" && port === "" && hostname.endsWith(".googleapis.com");
    return address.origin === gmail.origin || (isOfGoogle(address) && isOfGoogle(gmail));
  }

  /** Returns the error for a reply, see {@link failureIn}. */
  failure(reply: GmailReply, subject: "account" | "message"): DestinationError {
    return failureIn(reply, subject, this.#secrets);
  }

  patience(): Patience {
    return new Patience(this.#user);
  }

  /**
   * Sends a request once, or twice if the token is refused. Rejects with {@link NoReply}, with {@link DestinationError} if
   * there is no token for the address, and with `POP3_ABORTED`.
   */
  once(request: GmailRequest, signal: AbortSignal | undefined): Promise<GmailReply> {
    return this.#withToken((token) => this.#send(request, token, signal), signal);
  }

  /**
   * Sends a request that may be repeated, until Gmail is not busy. The reply may be an error of another kind. Rejects as
   * {@link once} does, and with {@link DestinationError} if Gmail stays busy.
   */
  call(request: GmailRequest, signal: AbortSignal | undefined): Promise<GmailReply> {
    return this.#patiently(() => this.once(request, signal), signal);
  }

  async #patiently(call: () => Promise<GmailReply>, signal: AbortSignal | undefined): Promise<GmailReply> {
    const patience = this.patience();
    for (;;) {
      try {
        const reply = await call();
        if (!isBusy(reply)) return reply;
        await patience.wait(this.failure(reply, "account"), reply, signal);
      } catch (error) {
        if (!(error instanceof NoReply)) throw error;
        await patience.wait(error, undefined, signal);
      }
    }
  }

  /** Calls `work` with a verified token, once more with another one if Gmail answers with 401. */
  async #withToken(
    work: (token: string) => Promise<GmailReply>,
    signal: AbortSignal | undefined,
  ): Promise<GmailReply> {
    this.#user.checkPause();
    return this.#user.inTurn(signal, async () => {
      const send = (request: GmailRequest, token: string): Promise<GmailReply> =>
        this.#send(request, token, signal);
      let token = await this.#access.token(signal);
      const reply = (await this.#access.verify(token, send)) ?? (await work(token));
      if (reply.status !== 401) return reply;
      token = await this.#access.renew({ status: "401" }, signal);
      return (await this.#access.verify(token, send)) ?? work(token);
    });
  }

  #send(request: GmailRequest, token: string, signal: AbortSignal | undefined): Promise<GmailReply> {
    const size = request.body?.length ?? 0;
    const timeout = this.#options.timeout * Math.max(1, Math.ceil(size / MIB));
    return exchange(request, { token, timeout, secrets: this.#secrets, signal });
  }

  #address(path: string, parameters: Readonly<Record<string, string>>): URL {
    const url = new URL(path, this.#options.api.gmail);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }
}
