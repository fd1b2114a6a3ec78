// The server's side of a session (RFC 1939) without sockets and timers: octets of the client go in, answers come
// out. A line is given out before it is answered, so that something else can be done instead.
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

/** RFC 2449 section 4: octets of a command line, CRLF included. */
const COMMAND_LINE = 255;
/** RFC 5034 sets no limit to an answer to a challenge; this is what other servers take. */
const RESPONSE_LINE = 16 * 1024;

/** A command that is about the session itself. */
interface SessionCommand {
  readonly takes: readonly [fewest: number, most: number];
  /** Whether it is known in the TRANSACTION state too. */
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

  /** `timestamp`: that of APOP, with its angle brackets; without it there is no APOP. */
  constructor(offer: Offer, accounts: Accounts, timestamp: string | undefined) {
    this.#offer = offer;
    this.#charset = accounts.charset;
    this.#authentication = new Authentication(offer, accounts, timestamp);
  }

  greeting(): Answer {
    return ok(`${this.#offer.greeting} ${this.#authentication.timestamp ?? ""}`);
  }

  /** Takes octets of the client. Of what came before, {@link next} must have given out every line. */
  receive(octets: Buffer): void {
    this.#input = octets;
    this.#at = 0;
  }

  /** The next line of the client, or `undefined` when more octets are needed. It is not acted upon yet. */
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

  /** Acts upon a line, and says what is to be sent. */
  answer(line: ClientLine): Answer {
    if (line === BROKEN) return { ...err("no line of the protocol"), then: "close" };
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

  /** TLS is up: STLS is not to be had again, and what was said before counts no longer (RFC 2595 section 4). */
  tlsStarted(facts: TlsFacts): void {
    this.#tls = facts;
    this.#authentication.forget();
  }

  /** The connection is gone. Without QUIT before, nothing is deleted. */
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
    if (this.#tls !== undefined) return err("TLS is up already");
    if (this.#utf8) return err("no STLS behind UTF8"); // RFC 6856 section 2.1
    // Whoever sent octets behind STLS could not know of TLS: they must never be taken as commands within it.
    if (this.#at < this.#input.length) return { ...err("octets behind STLS"), then: "close" };
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

  /** Goes to the TRANSACTION state, or gives what goes behind `-ERR`. */
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

/** RFC 6856 section 3: one language, and `*` for it. The tag and the space behind it are there to be read. */
function lang(range: string): Answer {
  if (range === "") return okWithLines("languages follow", ["en English"]);
  const known = ["en", "*", "i-default"].includes(range.toLowerCase());
  return known ? ok("en the language is English") : err("no such language");
}

/** Cuts the arguments apart; the last one takes the rest of the line. */
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
