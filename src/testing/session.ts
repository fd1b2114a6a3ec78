// The server's side of a session (RFC 1939), without sockets and timers: bytes of the client go in, answers
// come out. next() returns a line before answer() executes it, so that a fault can replace the answer.
import { LineReader } from "../protocol/line-reader.ts";
import type { Account, Accounts, Charset } from "./accounts.ts";
import { err, ok, okWithLines, type Answer } from "./answer.ts";
import { Authentication, type Step } from "./authentication.ts";
import { authResponseOf, BROKEN, commandOf, type ClientLine } from "./client-line.ts";
import type { Snapshot } from "./maildrop.ts";
import type { SaslSession, TlsFacts } from "./mechanisms/mechanism.ts";
import { isOffered, mechanismsFor, standardCapabilities, type Offer } from "./offer.ts";
import type { SessionState } from "./options.ts";
import { TRANSACTION_COMMANDS } from "./transaction.ts";

/** The maximum octets of a command line, including CRLF (RFC 2449 section 4). */
const COMMAND_LINE = 255;
/**
 * The maximum octets of the response to a challenge. RFC 5034 sets no limit; other servers accept this much.
 */
const RESPONSE_LINE = 16 * 1024;

/** A command that concerns the session, not the maildrop. */
interface SessionCommand {
  readonly takes: readonly [fewest: number, most: number];
  /** Whether the command is also allowed in the TRANSACTION state. */
  readonly always?: boolean;
  readonly run: (session: Session, first: string, second: string) => Answer;
}

export class Session {
  readonly #offer: Offer;
  readonly #charset: Charset;
  readonly #authentication: Authentication;
  readonly #lines: LineReader = new LineReader(RESPONSE_LINE);
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #broken = false;
  #state: SessionState = "AUTHORIZATION";
  #tls: TlsFacts | undefined;
  #utf8 = false;
  #user: string | undefined;
  #maildrop: Snapshot | undefined;
  #refusals = 0;

  /** `timestamp`: the timestamp for APOP, with its angle brackets; `undefined` switches APOP off. */
  constructor(offer: Offer, accounts: Accounts, timestamp: string | undefined) {
    this.#offer = offer;
    this.#charset = accounts.charset;
    this.#authentication = new Authentication(offer, accounts, timestamp);
  }

  greeting(): Answer {
    return ok(`${this.#offer.greeting} ${this.#authentication.timestamp ?? ""}`);
  }

  /** Takes bytes of the client. {@link next} must have returned every line of the bytes before. */
  receive(octets: Buffer): void {
    this.#input = octets;
    this.#at = 0;
  }

  /** Returns the next line of the client, not yet executed; `undefined` if more bytes are needed. */
  next(): ClientLine | undefined {
    if (this.#broken || this.#at === this.#input.length) return undefined;
    try {
      this.#at = this.#lines.read(this.#input, this.#at);
    } catch {
      this.#broken = true;
      return BROKEN;
    }
    if (this.#at === -1) {
      this.#at = this.#input.length;
      return undefined;
    }
    const { line } = this.#lines;
    return this.#authentication.exchanging ? authResponseOf(line) : commandOf(line, this.#charset);
  }

  /** Executes a line and returns the answer. */
  answer(line: ClientLine): Answer {
    if (line === BROKEN) return { ...err("invalid line"), then: "close" };
    if (this.#authentication.exchanging) return this.#login(this.#authentication.respond(line.text));
    if (line.octets > COMMAND_LINE) return err("the command line is too long");
    const { verb, text } = line;
    if (!this.#offers(verb)) return err("unknown command");
    const maildrop = this.#maildrop;
    const transaction = TRANSACTION_COMMANDS.get(verb);
    if (transaction !== undefined) {
      if (maildrop === undefined) return this.#notNow();
      return run(text, transaction.takes, (first, second) => transaction.run(maildrop, first, second));
    }
    const own = Session.#commands.get(verb);
    if (own === undefined) return err("unknown command");
    if (maildrop !== undefined && own.always !== true) return this.#notNow();
    return run(text, own.takes, (first, second) => own.run(this, first, second));
  }

  /** TLS is active: refuses STLS from now on and forgets the USER command before it (RFC 2595 section 4). */
  tlsStarted(facts: TlsFacts): void {
    this.#tls = facts;
    this.#authentication.forget();
  }

  /** Ends the session with its connection. Without QUIT, no message is deleted. */
  end(): void {
    this.#maildrop?.release();
    this.#state = "UPDATE";
  }

  static readonly #commands: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>([
    ["CAPA", { takes: [0, 0], always: true, run: (session) => session.#capa() }],
    ["LANG", { takes: [0, 1], always: true, run: (_, tag) => lang(tag) }],
    ["QUIT", { takes: [0, 0], always: true, run: (session) => session.#quit() }],
    ["STLS", { takes: [0, 0], run: (session) => session.#stls() }],
    ["UTF8", { takes: [0, 0], run: (session) => session.#enableUtf8() }],
    ["USER", { takes: [1, 1], run: (session, name) => session.#prove((by) => by.user(name)) }],
    ["PASS", { takes: [1, 1], run: (session, secret) => session.#prove((by) => by.pass(secret)) }],
    ["APOP", { takes: [2, 2], run: (session, ...proof) => session.#prove((by) => by.apop(...proof)) }],
    ["AUTH", { takes: [1, 2], run: (session, ...start) => session.#auth(...start) }],
  ]);

  #offers(verb: string): boolean {
    return verb === "APOP" ? this.#authentication.timestamp !== undefined : isOffered(this.#offer, verb);
  }

  #capa(): Answer {
    const { capabilities } = this.#offer;
    const moment = { state: this.#state, secure: this.#tls !== undefined, user: this.#user };
    const standard = standardCapabilities(this.#offer, moment, this.#sasl().listed);
    const listed =
      typeof capabilities === "function"
        ? capabilities({ ...moment, standard })
        : [...standard, ...(capabilities || [])];
    return okWithLines("capabilities follow", listed);
  }

  #quit(): Answer {
    this.#maildrop?.commit();
    this.#state = "UPDATE";
    return { ...ok("bye"), then: "close" };
  }

  #stls(): Answer {
    if (this.#tls !== undefined) return err("TLS is already active");
    if (this.#utf8) return err("STLS is not allowed after UTF8"); // RFC 6856 section 2.1
    // Bytes after STLS were sent in the clear: they must never count as commands inside TLS.
    if (this.#at < this.#input.length) return { ...err("bytes after STLS"), then: "close" };
    return { ...ok("begin TLS"), then: "starttls" };
  }

  #enableUtf8(): Answer {
    this.#utf8 = true;
    return ok("UTF8 is on");
  }

  #prove(step: (authentication: Authentication) => Step): Answer {
    if (this.#offer.requireTls && this.#tls === undefined) return err("not without TLS");
    return this.#login(step(this.#authentication));
  }

  #auth(mechanism: string, initial: string): Answer {
    return this.#prove((by) => by.auth(mechanism, initial, this.#sasl()));
  }

  #sasl(): SaslSession {
    return { tls: this.#tls, listed: mechanismsFor(this.#offer, this.#tls) };
  }

  #login(step: Step): Answer {
    if ("answer" in step) return step.answer;
    const refusal = "refusal" in step ? step.refusal : this.#open(step.account);
    if (refusal === undefined) return ok("logged in");
    this.#refusals++;
    return this.#refusals < this.#offer.attempts ? err(refusal) : { ...err(refusal), then: "close" };
  }

  /** Enters the TRANSACTION state, or returns the text of the refusal after `-ERR`. */
  #open(account: Account): string | undefined {
    if (account.refusal !== undefined) return account.refusal;
    const { loginDelay, now } = this.#offer;
    const time = now();
    if (account.lastLogin !== undefined && time < account.lastLogin + loginDelay * 1000) {
      return `[LOGIN-DELAY] ${String(loginDelay)} seconds must pass between two logins`;
    }
    const maildrop = account.maildrop.open();
    if (maildrop === undefined) return "[IN-USE] another session has the maildrop";
    account.lastLogin = time;
    this.#user = account.name;
    this.#maildrop = maildrop;
    this.#state = "TRANSACTION";
    return undefined;
  }

  #notNow(): Answer {
    return err(`not in the ${this.#state} state`);
  }
}

/**
 * RFC 6856 section 3: one language, also selected by `*`. The tag and a space begin the text, for programs to
 * read.
 */
function lang(range: string): Answer {
  if (range === "") return okWithLines("languages follow", ["en English"]);
  const known = ["en", "*", "i-default"].includes(range.toLowerCase());
  return known ? ok("en the language is English") : err("no such language");
}

/** Splits the arguments and runs the command. The last argument takes the rest of the line. */
function run(
  text: string,
  [fewest, most]: readonly [number, number],
  act: (first: string, second: string) => Answer,
): Answer {
  const space = most < 2 ? -1 : text.indexOf(" ");
  const first = space === -1 ? text : text.slice(0, space);
  const second = space === -1 ? "" : text.slice(space + 1);
  const count = [first, second].filter((argument) => argument !== "").length;
  return count < fewest || count > most ? err("wrong arguments") : act(first, second);
}
