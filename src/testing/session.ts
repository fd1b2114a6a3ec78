/**
 * The server's side of a session (RFC 1939) without sockets and timers: octets of the client go in, answers come
 * out. A command is given out before it is answered, so that something else can be done instead.
 */
import { createHash } from "node:crypto";
import { blockSize } from "../protocol/block-pieces.ts";
import { LineReader } from "../protocol/line-reader.ts";
import type { Account, Accounts } from "./accounts.ts";
import { authResponseOf, BROKEN, commandOf, type ClientLine } from "./client-line.ts";
import type { Snapshot, StoredMessage } from "./maildrop.ts";
import type { Exchange } from "./mechanisms.ts";
import type { Offer } from "./options.ts";
import { topOf } from "./top.ts";

export type SessionState = "AUTHORIZATION" | "TRANSACTION" | "UPDATE";

/** What the server says to one line of the client. */
export interface Answer {
  /** The status line, without its CRLF. */
  readonly line: string;
  /** The octets of the block behind it, as they were before dots are doubled. */
  readonly block?: Buffer;
  /** What happens to the connection once this was sent. */
  readonly then?: "close" | "starttls";
}

/** RFC 2449 section 4: octets of a command line, CRLF included. */
const COMMAND_LINE = 255;
/** Answers to challenges have no limit in RFC 5034; this is what other servers take. */
const RESPONSE_LINE = 16 * 1024;

interface Rule {
  readonly in: readonly SessionState[];
  /** The fewest and the most arguments; the last one takes the rest of the line. */
  readonly takes: readonly [least: number, most: number];
  readonly run: (session: Session, first: string, second: string | undefined) => Answer;
}

const AUTHORIZATION: readonly SessionState[] = ["AUTHORIZATION"];
const TRANSACTION: readonly SessionState[] = ["TRANSACTION"];
const BOTH: readonly SessionState[] = ["AUTHORIZATION", "TRANSACTION"];

export class Session {
  readonly #offer: Offer;
  readonly #accounts: Accounts;
  readonly #timestamp: string | undefined;
  readonly #lines: LineReader = new LineReader(RESPONSE_LINE);
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #broken = false;
  #state: SessionState = "AUTHORIZATION";
  #secure: boolean;
  #utf8 = false;
  /** The name that USER gave. */
  #name: string | undefined;
  #account: Account | undefined;
  #maildrop: Snapshot | undefined;
  #exchange: Exchange | undefined;

  /** `timestamp`: that of APOP, with its angle brackets; without it there is no APOP. */
  constructor(offer: Offer, accounts: Accounts, how: { secure: boolean; timestamp?: string | undefined }) {
    this.#offer = offer;
    this.#accounts = accounts;
    this.#secure = how.secure;
    this.#timestamp = how.timestamp;
  }

  get state(): SessionState {
    return this.#state;
  }

  greeting(): Answer {
    const { greeting } = this.#offer;
    return ok(this.#timestamp === undefined ? greeting : `${greeting} ${this.#timestamp}`);
  }

  /** Takes octets of the client. What came before must have been taken out with {@link next}. */
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
    return this.#exchange === undefined ? commandOf(this.#lines.line) : authResponseOf(this.#lines.line);
  }

  /** Acts upon a line, and says what is to be sent. */
  answer(line: ClientLine): Answer {
    if (line === BROKEN) return { ...err("no line of the protocol"), then: "close" };
    if (this.#exchange !== undefined) return this.#respond(this.#exchange, line.text);
    if (line.octets > COMMAND_LINE) return err("the command line is too long");
    const rule = this.#offers(line.verb) ? Session.#rules.get(line.verb) : undefined;
    if (rule === undefined) return err("unknown command");
    if (!rule.in.includes(this.#state)) return err(`not in the ${this.#state} state`);
    const [least, most] = rule.takes;
    const taken = argumentsOf(line.text, most);
    if (taken === undefined || taken.length < least) return err("wrong arguments");
    return rule.run(this, taken[0] ?? "", taken[1]);
  }

  /** TLS is up: STLS is not to be had again, and what was said before counts no longer (RFC 2595 section 4). */
  tlsStarted(): void {
    this.#secure = true;
    this.#name = undefined;
  }

  /** The connection is gone. Without QUIT before, nothing is deleted. */
  end(): void {
    this.#maildrop?.release();
    this.#state = "UPDATE";
  }

  static readonly #rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
    ["CAPA", { in: BOTH, takes: [0, 0], run: (session) => session.#capa() }],
    ["NOOP", { in: TRANSACTION, takes: [0, 0], run: () => ok("") }],
    ["QUIT", { in: BOTH, takes: [0, 0], run: (session) => session.#quit() }],
    ["STLS", { in: AUTHORIZATION, takes: [0, 0], run: (session) => session.#stls() }],
    ["UTF8", { in: AUTHORIZATION, takes: [0, 0], run: (session) => session.#enableUtf8() }],
    ["LANG", { in: BOTH, takes: [0, 1], run: (_, tag) => lang(tag) }],
    ["USER", { in: AUTHORIZATION, takes: [1, 1], run: (session, name) => session.#user(name) }],
    ["PASS", { in: AUTHORIZATION, takes: [1, 1], run: (session, secret) => session.#pass(secret) }],
    [
      "APOP",
      { in: AUTHORIZATION, takes: [2, 2], run: (session, name, digest) => session.#apop(name, digest) },
    ],
    [
      "AUTH",
      { in: AUTHORIZATION, takes: [1, 2], run: (session, name, initial) => session.#auth(name, initial) },
    ],
    ["STAT", { in: TRANSACTION, takes: [0, 0], run: (session) => session.#stat() }],
    ["LIST", { in: TRANSACTION, takes: [0, 1], run: (session, number) => session.#list(number) }],
    ["UIDL", { in: TRANSACTION, takes: [0, 1], run: (session, number) => session.#uidl(number) }],
    ["RETR", { in: TRANSACTION, takes: [1, 1], run: (session, number) => session.#retr(number) }],
    ["TOP", { in: TRANSACTION, takes: [2, 2], run: (session, number, lines) => session.#top(number, lines) }],
    ["DELE", { in: TRANSACTION, takes: [1, 1], run: (session, number) => session.#dele(number) }],
    ["RSET", { in: TRANSACTION, takes: [0, 0], run: (session) => session.#rset() }],
  ]);

  #offers(verb: string): boolean {
    const offer = this.#offer;
    switch (verb) {
      case "CAPA":
        return offer.capabilities !== false;
      case "USER":
      case "PASS":
        return offer.user;
      case "APOP":
        return this.#timestamp !== undefined;
      case "AUTH":
        return offer.mechanisms.size > 0;
      case "STLS":
        return offer.stls;
      case "UIDL":
        return offer.uidl;
      case "TOP":
        return offer.top;
      case "UTF8":
        return offer.utf8;
      case "LANG":
        return offer.lang;
      default:
        return true;
    }
  }

  #capa(): Answer {
    const { capabilities } = this.#offer;
    const standard = this.#standardCapabilities();
    const question = { state: this.#state, secure: this.#secure, user: this.#account?.name, standard };
    const listed =
      typeof capabilities === "function" ? capabilities(question) : [...standard, ...(capabilities || [])];
    return { ...ok("capabilities follow"), block: blockOf(listed) };
  }

  #standardCapabilities(): string[] {
    const offer = this.#offer;
    const mayLogin = this.#secure || !offer.requireTls;
    const list: [boolean, string][] = [
      [offer.top, "TOP"],
      [offer.uidl, "UIDL"],
      [offer.user && mayLogin, "USER"],
      [offer.mechanisms.size > 0 && mayLogin, `SASL ${[...offer.mechanisms.keys()].join(" ")}`],
      [offer.stls && !this.#secure && this.#state === "AUTHORIZATION", "STLS"],
      [offer.pipelining, "PIPELINING"],
      [true, "RESP-CODES"],
      [true, "AUTH-RESP-CODE"],
      [offer.loginDelay > 0, `LOGIN-DELAY ${String(offer.loginDelay)}`],
      [offer.utf8, "UTF8 USER"],
      [offer.lang, "LANG"],
      [true, "IMPLEMENTATION popwright"],
    ];
    return list.filter(([listed]) => listed).map(([, line]) => line);
  }

  #quit(): Answer {
    this.#maildrop?.commit();
    this.#state = "UPDATE";
    return { ...ok("bye"), then: "close" };
  }

  #stls(): Answer {
    if (this.#secure) return err("TLS is up already");
    if (this.#utf8) return err("no STLS behind UTF8"); // RFC 6856 section 2.1
    // What came with STLS was sent by somebody who could not know of TLS: it must not be taken as a command later.
    if (this.#at < this.#input.length) return { ...err("commands behind STLS"), then: "close" };
    return { ...ok("begin TLS"), then: "starttls" };
  }

  #enableUtf8(): Answer {
    this.#utf8 = true;
    return ok("UTF8 enabled");
  }

  #user(name: string): Answer {
    const refused = this.#refusedInClear();
    if (refused !== undefined) return refused;
    this.#name = name;
    return ok("send PASS");
  }

  #pass(secret: string): Answer {
    const refused = this.#refusedInClear();
    if (refused !== undefined) return refused;
    const name = this.#name;
    if (name === undefined) return err("USER comes first");
    this.#name = undefined;
    return this.#login(this.#accounts.verify(name, secret));
  }

  #apop(name: string, digest: string | undefined): Answer {
    const refused = this.#refusedInClear();
    if (refused !== undefined) return refused;
    const account = this.#accounts.find(name);
    if (account === undefined) return this.#login(undefined);
    const expected = createHash("md5")
      .update(`${this.#timestamp ?? ""}${account.pass}`, "utf8")
      .digest("hex");
    return this.#login(digest === expected ? account : undefined);
  }

  #auth(name: string, initial: string | undefined): Answer {
    const refused = this.#refusedInClear();
    if (refused !== undefined) return refused;
    const mechanism = this.#offer.mechanisms.get(name.toUpperCase());
    if (mechanism === undefined) return err("unknown mechanism");
    if (initial !== undefined && !mechanism.initialResponse)
      return err("no initial response with this mechanism");
    const exchange = mechanism.exchange(this.#accounts);
    const first = exchange.next();
    if (first.done === true) return this.#login(first.value);
    this.#exchange = exchange;
    if (initial !== undefined) return this.#respond(exchange, initial === "=" ? "" : initial);
    return challenge(first.value);
  }

  #respond(exchange: Exchange, text: string): Answer {
    const response = decodeBase64(text);
    if (response !== undefined) {
      const step = exchange.next(response);
      if (step.done !== true) return challenge(step.value);
      this.#exchange = undefined;
      return this.#login(step.value);
    }
    this.#exchange = undefined;
    return err(text === "*" ? "authentication cancelled" : "not base64");
  }

  #refusedInClear(): Answer | undefined {
    return this.#offer.requireTls && !this.#secure ? err("not without TLS") : undefined;
  }

  #login(account: Account | undefined): Answer {
    if (account === undefined) return err("[AUTH] wrong user name or password");
    const { loginDelay, now } = this.#offer;
    const time = now();
    if (account.lastLogin !== undefined && time < account.lastLogin + loginDelay * 1000) {
      return err(`[LOGIN-DELAY] ${String(loginDelay)} seconds must pass between two logins`);
    }
    const maildrop = account.maildrop.open();
    if (maildrop === undefined) return err("[IN-USE] another session has the maildrop");
    account.lastLogin = time;
    this.#account = account;
    this.#maildrop = maildrop;
    this.#state = "TRANSACTION";
    return ok("logged in");
  }

  #entries(): [number, StoredMessage][] {
    return this.#maildrop === undefined ? [] : [...this.#maildrop.entries()];
  }

  #message(number: string): StoredMessage | undefined {
    return /^\d{1,10}$/.test(number) ? this.#maildrop?.message(Number(number)) : undefined;
  }

  #stat(): Answer {
    const entries = this.#entries();
    const size = entries.reduce((sum, [, message]) => sum + blockSize(message.octets), 0);
    return ok(`${String(entries.length)} ${String(size)}`);
  }

  #list(number: string): Answer {
    return this.#listing(number, (message) => String(blockSize(message.octets)));
  }

  #uidl(number: string): Answer {
    return this.#listing(number, (message) => message.uid);
  }

  /** One line, or a line for each message. */
  #listing(number: string, of: (message: StoredMessage) => string): Answer {
    if (number === "") {
      const entries = this.#entries();
      const lines = entries.map(([each, message]) => `${String(each)} ${of(message)}`);
      return { ...ok(`${String(entries.length)} messages`), block: blockOf(lines) };
    }
    const message = this.#message(number);
    return message === undefined ? NO_SUCH_MESSAGE : ok(`${String(Number(number))} ${of(message)}`);
  }

  #retr(number: string): Answer {
    const message = this.#message(number);
    if (message === undefined) return NO_SUCH_MESSAGE;
    return { ...ok(`${String(blockSize(message.octets))} octets`), block: message.octets };
  }

  #top(number: string, lines: string | undefined): Answer {
    const message = this.#message(number);
    if (message === undefined) return NO_SUCH_MESSAGE;
    if (lines === undefined || !/^\d{1,10}$/.test(lines)) return err("wrong arguments");
    return { ...ok("the top follows"), block: topOf(message.octets, Number(lines)) };
  }

  #dele(number: string): Answer {
    const message = this.#message(number);
    if (message === undefined) return NO_SUCH_MESSAGE;
    this.#maildrop?.mark(message);
    return ok("marked as deleted");
  }

  #rset(): Answer {
    this.#maildrop?.unmarkAll();
    return ok("nothing is marked");
  }
}

const NO_SUCH_MESSAGE: Answer = err("no such message");

function ok(text: string): Answer {
  return { line: `+OK ${text}`.trimEnd() };
}

function err(text: string): Answer {
  return { line: `-ERR ${text}` };
}

/** RFC 5034 section 4: an empty challenge keeps its space. */
function challenge(octets: Buffer): Answer {
  return { line: `+ ${octets.toString("base64")}` };
}

function blockOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "utf8");
}

/** RFC 6856 section 3: one language, and `*` for it. */
function lang(tag: string): Answer {
  if (tag === "") return { ...ok("languages follow"), block: blockOf(["en English"]) };
  if (["en", "*", "i-default"].includes(tag.toLowerCase())) return ok("en");
  return err("no such language");
}

/** At most `most` arguments, the last with all that is left; `undefined` where there is text and none is taken. */
function argumentsOf(text: string, most: number): string[] | undefined {
  if (text === "") return [];
  if (most === 0) return undefined;
  const space = most === 1 ? -1 : text.indexOf(" ");
  return space === -1 ? [text] : [text.slice(0, space), text.slice(space + 1)];
}

/** RFC 5034 section 4: whatever is not in the alphabet, and padding that is not at the end, is refused. */
function decodeBase64(text: string): Buffer | undefined {
  const valid = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return valid ? Buffer.from(text, "base64") : undefined;
}
