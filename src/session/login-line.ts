// Sends the commands of one login.
import { printable } from "../protocol/printable.ts";
import { Pop3ConnectionError, Pop3ReplyError, type Pop3Error } from "../errors.ts";
import type { Connection } from "../net/connection.ts";
import type { Pop3Limits } from "../options/client.ts";
import type { Command } from "../protocol/commands.ts";
import type { Secrets } from "../protocol/secrets.ts";

export class LoginLine {
  readonly limits: Pop3Limits;
  /** Masked in errors and logs. The digests of responses are added: a password can be guessed from one. */
  readonly secrets: Secrets;
  /** Ends the login. It is also aborted when the session is closed. */
  readonly signal: AbortSignal;
  readonly #connection: Connection;

  constructor(connection: Connection, limits: Pop3Limits, secrets: Secrets, signal: AbortSignal) {
    this.limits = limits;
    this.secrets = secrets;
    this.signal = signal;
    this.#connection = connection;
  }

  send<T>(command: Command<T>): Promise<T> {
    return this.#connection.send(command, { signal: this.signal });
  }

  /**
   * Sends a command that contains credentials. Some servers do not refuse a wrong password: they close the
   * connection without a reply. Then this rejects with `POP3_AUTH_CLOSED`.
   */
  async sendProof<T>(command: Command<T>): Promise<T> {
    try {
      return await this.send(command);
    } catch (cause) {
      if (cause instanceof Pop3ReplyError || !this.closedByPeer) throw cause;
      throw new Pop3ConnectionError(
        "POP3_AUTH_CLOSED",
        `${printable(this.#connection.server)} closed the connection instead of replying to the login: the password or token may be wrong`,
        { command: command.printable, cause },
      );
    }
  }

  /** Whether the server has closed the connection. */
  get closedByPeer(): boolean {
    return this.#connection.closedByPeer;
  }

  close(failure: Pop3Error): void {
    this.#connection.close(failure);
  }
}
