// AUTH (RFC 5034): challenges and responses, until the server has seen enough and has shown enough.
import type { SaslExchange } from "../auth/mechanism.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError, type OAuthRefusal } from "../errors.ts";
import { aborted } from "../net/failures.ts";
import { untilAborted } from "../net/settle.ts";
import type { Pop3Limits } from "../options/client.ts";
import * as commands from "../protocol/commands.ts";
import type { Command } from "../protocol/commands.ts";
import type { Reply } from "../protocol/reply.ts";

/** The line to the server. */
export interface SaslLine {
  readonly limits: Pop3Limits;
  readonly send: <T>(command: Command<T>) => Promise<T>;
  /** Sends a command with a response in it. */
  readonly sendProof: <T>(command: Command<T>) => Promise<T>;
  readonly close: (failure: Pop3Error) => void;
  /** Whether the server has ended the connection. */
  readonly closedByPeer: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * Authenticates by the mechanism `name`. `inline`: the initial response goes out with AUTH, where the line has room
 * for it. Resolves when the server has let the user in, and has proven itself where the mechanism asks for that.
 */
export async function converse(
  name: string,
  exchange: SaslExchange,
  inline: boolean,
  line: SaslLine,
  refused?: Pop3ReplyError,
): Promise<void> {
  const conversation = new Conversation(name, exchange, line);
  try {
    await conversation.run(inline);
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) {
      // It was closed behind the refusal before, which says more of why.
      throw refused !== undefined && !conversation.answered && line.closedByPeer() ? refused : error;
    }
    // A refusal of the mechanism's name alone says nothing of what would have come: perhaps one line does it.
    if (!inline && !conversation.responded && conversation.fitsInline) {
      await converse(name, exchange, true, line, error);
      return;
    }
    const next = exchange.alternative?.(!NOT_ABOUT_SECRET.test(error.text));
    if (next !== undefined) await converse(name, next, inline, line, error);
    else throw exchange.refusal === undefined ? error : withRefusal(error, exchange.refusal);
  }
}

/** Cyrus SASL's words for what does not fit, as a channel binding that it does not know; a wrong password has others. */
const NOT_ABOUT_SECRET = /bad protocol/i;

class Conversation {
  /** Whether anything but the name of the mechanism went out. */
  responded = false;
  /** Whether the server has said anything. */
  answered = false;
  readonly #name: string;
  readonly #exchange: SaslExchange;
  readonly #line: SaslLine;

  constructor(name: string, exchange: SaslExchange, line: SaslLine) {
    this.#name = name;
    this.#exchange = exchange;
    this.#line = line;
  }

  /** RFC 5034 section 4: an initial response only where the line keeps its limit. Otherwise the server asks for it. */
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
            `the server sent more than ${String(limits.challenges)} challenges`,
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
      reply = await this.#answer(encode(response), digestsIn(response));
    }
    try {
      exchange.succeeded?.();
    } catch (error) {
      // We are in, with somebody who may not be who he says: not a word more.
      this.#line.close(Pop3Error.is(error) ? error : unproven(error));
      throw error;
    }
  }

  /** A mechanism of somebody else's is looked at: what is no octets would go out as it is. */
  async #respond(challenge: Buffer): Promise<Buffer> {
    const response: unknown = await untilAborted(this.#line.signal, () => this.#exchange.respond(challenge));
    if (response instanceof Uint8Array) return Buffer.from(response);
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `what ${this.#name} answers with is no Buffer`);
  }

  /** Answers a challenge. Given up before that, it ends the session: the server would take what comes next for the answer. */
  #answer(response: string, digests: readonly string[] = []): Promise<Reply> {
    const { signal, close, send, sendProof } = this.#line;
    if (signal.aborted) close(aborted(signal));
    return (response === "*" ? send : sendProof)(
      commands.withSecrets(commands.authResponse(response), digests),
    );
  }

  /** Gives AUTH up with `*`. The server has to refuse it then; one that says `+OK` has let in nobody knows whom. */
  async #cancel(): Promise<void> {
    try {
      await this.#answer("*");
    } catch (error) {
      if (error instanceof Pop3ReplyError) return;
      throw error;
    }
    const failure = new Pop3ProtocolError(
      "POP3_PROTOCOL",
      "the server went on with an authentication that was cancelled",
    );
    this.#line.close(failure);
    throw failure;
  }
}

function unproven(cause: unknown): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", "the server has not proven itself", { cause });
}

/** What a server could repeat of a response without its base64: a digest by which a password can be guessed. */
function digestsIn(response: Buffer): string[] {
  return response.toString("latin1").match(/[0-9a-f]{32}|(?<=,p=).+/g) ?? [];
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function encode(octets: Buffer): string {
  return octets.toString("base64");
}

/** RFC 5034 section 4: an empty initial response is written as `=`. */
function inlineForm(initial: Buffer): string {
  return encode(initial) || "=";
}

function decode(challenge: string, limit: number, prompt: boolean): Buffer {
  const decoded = BASE64.test(challenge) ? Buffer.from(challenge, "base64") : undefined;
  if ((decoded ?? challenge).length > limit) {
    throw new Pop3Error("POP3_CHALLENGE_TOO_LARGE", `a challenge is larger than ${String(limit)} octets`);
  }
  if (decoded !== undefined) return decoded;
  // Where the challenge is a prompt at most, some servers write words there.
  if (prompt) return Buffer.alloc(0);
  throw new Pop3Error("POP3_AUTH_PROTOCOL", "a challenge is not base64");
}

/** The same error, with what the server had said of the access token before it refused. */
function withRefusal(error: Pop3ReplyError, oauth: OAuthRefusal): Pop3ReplyError {
  const why = [oauth.status, oauth.scope && `scope ${oauth.scope}`].filter(Boolean).join(", ");
  const message = why === "" ? error.message : `${error.message} (${why})`;
  return new Pop3ReplyError(error.code, message, error, { command: error.command, cause: error, oauth });
}
