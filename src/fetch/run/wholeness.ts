// Makes sure that a message is whole before it is delivered. A server that does not stuff a line which is a single dot
// ends the message there, and the client takes the rest for the replies to the next commands. The sender can make the
// rest look like such replies.
//
// A message of the announced size is whole. After any other one the server is asked for what it has listed: its answer
// is the right one only if commands and replies still match. A sender does not know the unique-ids of a mailbox.
import { endOutOfStep, type Pop3Client } from "../../client.ts";
import { Pop3ConnectionError, Pop3ProtocolError, Pop3ReplyError } from "../../errors.ts";
import { isContentError } from "../../net/failures.ts";
import type { Pop3Retrieval } from "../../session/retrieval.ts";
import type { Retrieve } from "../plan/steps.ts";
import type { SessionContext } from "./context.ts";

/** For the messages of one retrieval. */
export class Wholeness {
  readonly #client: Pop3Client;
  readonly #signal: AbortSignal;
  readonly #messages: Pop3Retrieval;
  /** Counts the messages that the retrieval has given. */
  #current = 0;
  /** The last message that is known to be whole, and the last one whose reply came before the last right answer. */
  #known = 0;
  #covered = 0;

  constructor({ client, deadline }: Pick<SessionContext, "client" | "deadline">, messages: Pop3Retrieval) {
    this.#client = client;
    this.#signal = deadline.signal;
    this.#messages = messages;
  }

  /** The retrieval has given the next message. */
  next(): void {
    this.#current++;
  }

  /**
   * Resolves if the current message is whole. Rejects if the server no longer answers in order: then the session must
   * end without QUIT.
   */
  async ensure(step: Retrieve): Promise<void> {
    // The reply to this message came before a right answer. This is used once: the message may be retrieved again.
    if (this.#known < this.#current && this.#current <= this.#covered) {
      this.#known = this.#current;
      return;
    }
    // The answer comes after the messages that were requested ahead.
    const { ahead } = this.#messages;
    try {
      if (!(await this.#isAnsweredRight(step))) throw endedEarly(step);
    } catch (error) {
      // It may be one of the messages ahead, or they are larger than announced, and fill the memory that they may have.
      // The run continues in a session without any.
      if (ahead > 0 && (Pop3ProtocolError.is(error) || isStall(error))) endOutOfStep(this.#client, error);
      throw error;
    }
    this.#known = this.#current;
    this.#covered = this.#current + ahead;
  }

  /** Asks for what the listing has said about the message: by UIDL, or, if the server does not support that, by LIST. */
  async #isAnsweredRight({ number, uid, size }: Retrieve): Promise<boolean> {
    const client = this.#client;
    const options = { signal: this.#signal };
    if (uid !== undefined) {
      const answer = await client.uidl(number, options).catch(refused);
      if (answer !== undefined) return answer === uid;
    }
    if (size !== undefined) return (await client.list(number, options).catch(refused)) === size;
    // At least the next line must be a reply.
    if (uid === undefined) await client.noop(options);
    return uid === undefined;
  }
}

/** Tolerates a refusal, and a reply without the answer. Rethrows what has ended the session. */
function refused(error: unknown): undefined {
  if (!(error instanceof Pop3ReplyError) && !isContentError(error)) throw error;
}

/** Tells whether the answer has not come because messages before it were not read. */
function isStall(error: unknown): error is Pop3ConnectionError {
  return Pop3ConnectionError.is(error) && error.code === "POP3_IDLE_TIMEOUT";
}

function endedEarly({ number }: Retrieve): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_PROTOCOL",
    `message ${String(number)} may have ended too early: it does not have the announced size, and what came after it is not the reply to the next command. ` +
      "A line that is a single dot ends a message, so a server must send it as two dots",
    { command: `RETR ${String(number)}` },
  );
}
