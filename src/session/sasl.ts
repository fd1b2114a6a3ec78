// AUTH (RFC 5034): exchanges challenges and responses until the server accepts the login. If the mechanism
// authenticates the server, too, the login fails unless that succeeded.
import { printable } from "../protocol/printable.ts";
import type { SaslExchange } from "../auth/mechanism.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError, type OAuthRefusal } from "../errors.ts";
import { aborted } from "../net/failures.ts";
import { untilAborted } from "../net/settle.ts";
import * as commands from "../protocol/commands.ts";
import type { Reply } from "../protocol/reply.ts";
import type { LoginLine } from "./login-line.ts";

/**
 * Authenticates with the mechanism `name`. `inline`: sends the initial response on the line of AUTH, if it
 * fits. Resolves when the server has accepted the login and, if the mechanism requires it, has authenticated
 * itself. `refused`: the refusal of the previous attempt.
 */
export async function converse(
  name: string,
  exchange: SaslExchange,
  inline: boolean,
  line: LoginLine,
  refused?: Pop3ReplyError,
): Promise<void> {
  const conversation = new Conversation(name, exchange, line);
  try {
    await conversation.run(inline);
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) {
      // The server closed the connection after it refused the previous attempt. That refusal explains more.
      throw refused !== undefined && !conversation.answered && line.closedByPeer ? refused : error;
    }
    // The server refused AUTH before it saw a response. It may require the initial response on the same line.
    if (!inline && !conversation.responded && conversation.fitsInline) {
      await converse(name, exchange, true, line, error);
      return;
    }
    const next = exchange.alternative?.(!NOT_ABOUT_SECRET.test(error.text));
    if (next !== undefined) await converse(name, next, inline, line, error);
    else throw exchange.refusal === undefined ? error : withRefusal(error, exchange.refusal);
  }
}

/** Cyrus SASL's text for an unsupported feature, such as an unknown channel binding. */
const NOT_ABOUT_SECRET = /bad protocol/i;

class Conversation {
  /** Whether a response was sent, and not only the name of the mechanism. */
  responded = false;
  /** Whether the server has replied. */
  answered = false;
  readonly #name: string;
  readonly #exchange: SaslExchange;
  readonly #line: LoginLine;

  constructor(name: string, exchange: SaslExchange, line: LoginLine) {
    this.#name = name;
    this.#exchange = exchange;
    this.#line = line;
  }

  /** Whether the initial response fits on the line of AUTH; if not, it is sent later (RFC 5034 section 4). */
  get fitsInline(): boolean {
    const { initial } = this.#exchange;
    if (initial === undefined) return false;
    return `AUTH ${this.#name} ${inlineForm(initial)}\r\n`.length <= this.#line.limits.commandLine;
  }

  async run(inline: boolean): Promise<void> {
    const exchange = this.#exchange;
    const { limits } = this.#line;
    let unsent = exchange.initial;
    let reply: Reply;
    if (unsent !== undefined && inline && this.fitsInline) {
      this.responded = true;
      reply = await this.#line.sendProof(commands.auth(this.#name, inlineForm(unsent), limits));
      unsent = undefined;
    } else reply = await this.#line.send(commands.auth(this.#name, undefined, limits));
    this.answered = true;
    for (let challenges = 1; reply.status === "continue"; challenges++) {
      let response: Buffer;
      try {
        if (challenges > limits.challenges) {
          throw new Pop3Error(
            "POP3_AUTH_PROTOCOL",
            `the server sent more challenges than limits.challenges allows (${String(limits.challenges)})`,
          );
        }
        const prompt = exchange.promptsOnly === true || unsent !== undefined;
        const challenge = decode(reply.text, limits.challenge, prompt);
        response = unsent ?? (await this.#respond(challenge));
        unsent = undefined;
      } catch (error) {
        await this.#cancel();
        throw error;
      }
      this.responded = true;
      this.#line.secrets.add(...digestsIn(response));
      reply = await this.#answer(encode(response));
    }
    try {
      exchange.succeeded?.();
    } catch (error) {
      // Logged in, but the server has not authenticated itself: close without sending anything.
      this.#line.close(Pop3Error.is(error) ? error : unproven(error));
      throw error;
    }
  }

  /** Checks the type of the response: a custom mechanism may return anything, and it would be sent. */
  async #respond(challenge: Buffer): Promise<Buffer> {
    const response: unknown = await untilAborted(this.#line.signal, () => this.#exchange.respond(challenge));
    if (response instanceof Uint8Array) return Buffer.from(response);
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      `the response of the mechanism ${printable(this.#name)} must be a Buffer or Uint8Array (got ${typeof response})`,
    );
  }

  /**
   * Answers a challenge. If the login is aborted before that, closes the connection: the server would take
   * the next command for the answer.
   */
  #answer(response: string): Promise<Reply> {
    const line = this.#line;
    if (line.signal.aborted) line.close(aborted(line.signal));
    const command = commands.authResponse(response);
    return response === "*" ? line.send(command) : line.sendProof(command);
  }

  /** Cancels AUTH with `*`. The server must refuse it: `+OK` would mean a login as an unknown identity. */
  async #cancel(): Promise<void> {
    try {
      await this.#answer("*");
    } catch (error) {
      if (error instanceof Pop3ReplyError) return;
      throw error;
    }
    const failure = new Pop3ProtocolError(
      "POP3_PROTOCOL",
      "the server continued an authentication that was cancelled: it must reply -ERR to *",
    );
    this.#line.close(failure);
    throw failure;
  }
}

function unproven(cause: unknown): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", "the server has not authenticated itself", { cause });
}

/** Finds the digests in a response, to mask them: from a digest a password can be guessed. */
function digestsIn(response: Buffer): string[] {
  return response.toString("latin1").match(/[0-9a-f]{32}|(?<=,p=).+/g) ?? [];
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function encode(octets: Buffer): string {
  return octets.toString("base64");
}

/** Encodes an initial response; an empty one is `=` (RFC 5034 section 4). */
function inlineForm(initial: Buffer): string {
  return encode(initial) || "=";
}

function decode(challenge: string, limit: number, prompt: boolean): Buffer {
  const decoded = BASE64.test(challenge) ? Buffer.from(challenge, "base64") : undefined;
  if ((decoded ?? challenge).length > limit) {
    throw new Pop3Error(
      "POP3_CHALLENGE_TOO_LARGE",
      `the challenge is larger than limits.challenge (${String(limit)} bytes)`,
    );
  }
  if (decoded !== undefined) return decoded;
  // If the challenge is only a prompt, some servers send plain text.
  if (prompt) return Buffer.alloc(0);
  throw new Pop3Error("POP3_AUTH_PROTOCOL", "the challenge is not valid base64");
}

/** Adds to a refusal what the server said about the access token. */
function withRefusal(error: Pop3ReplyError, oauth: OAuthRefusal): Pop3ReplyError {
  const why = [oauth.status, oauth.scope && `scope ${oauth.scope}`].filter(Boolean).join(", ");
  const message = why === "" ? error.message : `${error.message} (${why})`;
  return new Pop3ReplyError(error.code, message, error, { command: error.command, cause: error, oauth });
}
