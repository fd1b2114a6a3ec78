// Creates every command as a value: its line, its printable form and the parser of its reply. A secret is in
// `line` and never in `printable`, so logs never contain one.
import { Pop3Error, Pop3ProtocolError, type Pop3ReplyErrorCode } from "../errors.ts";
import { SmallBlock, type BlockReader } from "./block.ts";
import { parseCapabilities, type Capabilities } from "./capabilities.ts";
import type { Columns } from "./columns.ts";
import { scanListing, uniqueIdListing, type ListingRules } from "./listing-block.ts";
import { parseScanListing, parseStat, parseUniqueId, type MaildropStat } from "./listings.ts";
import { messageNumber } from "./message-number.ts";
import { printable, shown, typeOf } from "./printable.ts";
import { decodeText, parseReply, type Reply } from "./reply.ts";
import type { Secrets } from "./secrets.ts";

/** The three states of RFC 1939 section 3, plus `disconnected` and `closed`. */
export type Pop3State = "disconnected" | "authorization" | "transaction" | "update" | "closed";

interface CommandLine {
  /** The states of the session that allow it. */
  readonly states: readonly Pop3State[];
  /** The line to send, without CRLF. It is encoded as UTF-8. */
  readonly line: string;
  /** The octets to send in place of `line`, if they are not UTF-8. */
  readonly encoded?: Buffer | undefined;
  /** The line without secrets, for logs and errors. */
  readonly printable: string;
  /** The name of the command in errors, if `printable` is not meaningful. */
  readonly subject?: string;
  /** Secrets of the line that the server may repeat, now or later. They are masked in logs and errors. */
  readonly secrets?: readonly string[];
  /** Whether it is sent only when nothing is in flight, and nothing is sent after it before its reply. */
  readonly alone?: boolean;
  /** The error code for a `-ERR`. @default "POP3_REFUSED" */
  readonly refused?: Pop3ReplyErrorCode;
  /** What the error for a `-ERR` says in addition, unless the refusal is temporary. */
  readonly advice?: string;
}

/** A command whose reply is one line. */
export interface LineCommand<T> extends CommandLine {
  /** Whether the reply may be a challenge, `+ ` (AUTH and the responses to its challenges). */
  readonly challenge?: boolean;
  /** Parses the reply. Throws if its content is wrong; the error does not contain the `secrets`. */
  parse(reply: Reply, secrets?: Secrets): T;
  readonly block?: undefined;
}

/** A command whose reply is one line, followed by a block if that line is `+OK`. */
export interface BlockCommand<T> extends CommandLine {
  /** Whether the block is small: then the time limit of the status line also covers the block. */
  readonly small?: boolean;
  /** Whether the block is a message. Some servers do not answer later commands in order after a message. */
  readonly message?: boolean;
  /** Creates the reader of the block; `line` is the status line before it. */
  block(line: Buffer): BlockReader<T>;
  readonly challenge?: undefined;
}

export type Command<T> = LineCommand<T> | BlockCommand<T>;

/** What is known of a command before it is built: enough to test whether the session allows it. */
export type BareCommand = Pick<CommandLine, "states" | "printable">;

/** The limits of commands and their replies, in octets unless the name says otherwise. */
export interface CommandLimits {
  readonly commandLine: number;
  readonly capabilityLines: number;
  readonly capabilityOctets: number;
  /** The largest block of a custom command. */
  readonly message: number;
}

/** A language that the server supports (RFC 6856 section 3.2). */
export interface Language {
  /** The language tag, for example to pass to `LANG`. */
  readonly tag: string;
  /** The server's description of the language. */
  readonly description: string;
}

const textOf = (reply: Reply): string => reply.text;
const nothing = (): void => undefined;
const MASK = "****";

/** The verbs that have a method. */
export type Verb =
  | ("USER" | "PASS" | "APOP" | "AUTH" | "STLS" | "UTF8")
  | ("STAT" | "LIST" | "UIDL" | "NOOP" | "RETR" | "TOP" | "DELE" | "RSET")
  | ("CAPA" | "QUIT" | "LANG");

interface VerbRules {
  readonly states: readonly Pop3State[];
  /** Whether it changes the session: then it is not allowed as a custom command. */
  readonly changesSession: boolean;
}

const LOGIN: VerbRules = { states: ["authorization"], changesSession: true };
const MAIL: VerbRules = { states: ["transaction"], changesSession: true };
const QUERY: VerbRules = { states: ["transaction"], changesSession: false };
const SESSION: VerbRules = { states: ["authorization", "transaction"], changesSession: true };
const OTHER: VerbRules = { states: ["authorization", "transaction"], changesSession: false };

/** The rules of RFC 1939, 2449, 2595, 5034 and 6856 for every verb. */
const VERBS: Readonly<Record<Verb, VerbRules>> = {
  USER: LOGIN,
  PASS: LOGIN,
  APOP: LOGIN,
  AUTH: LOGIN,
  STLS: LOGIN,
  UTF8: LOGIN,
  STAT: QUERY,
  LIST: QUERY,
  UIDL: QUERY,
  NOOP: QUERY,
  RETR: MAIL,
  TOP: MAIL,
  DELE: MAIL,
  RSET: MAIL,
  CAPA: SESSION,
  QUIT: SESSION,
  LANG: OTHER,
};

/** Describes a command whose arguments are not known yet. */
export function bare(verb: Verb): BareCommand {
  return { states: VERBS[verb].states, printable: verb };
}

export const stat = (): LineCommand<MaildropStat> => simple("STAT", "", parseStat);
export const noop = (): LineCommand<void> => simple("NOOP", "", nothing);
export const rset = (): LineCommand<void> => simple("RSET", "", nothing);
export const dele = (message: number): LineCommand<void> => simple("DELE", messageNumber(message), nothing);
export const quit = (): LineCommand<string> => ({ ...simple("QUIT", "", textOf), alone: true });
export const stls = (): LineCommand<void> => ({ ...simple("STLS", "", nothing), alone: true });
export const utf8 = (): LineCommand<void> => ({ ...simple("UTF8", "", nothing), alone: true });

export const listOne = (message: number): LineCommand<number> =>
  simple("LIST", messageNumber(message), (reply, secrets) => parseScanListing(reply, message, secrets));
export const uidlOne = (message: number): LineCommand<string> =>
  simple("UIDL", messageNumber(message), (reply, secrets) => parseUniqueId(reply, message, secrets));
export const list = (rules: ListingRules): BlockCommand<Columns<number>> =>
  withBlock("LIST", "", () => scanListing(rules));
export const uidl = (rules: ListingRules): BlockCommand<Columns<string>> =>
  withBlock("UIDL", "", () => uniqueIdListing(rules));

/** Creates RETR. `body` creates the reader of the message from the first line of the reply. */
export const retr = <T>(message: number, body: (line: Buffer) => BlockReader<T>): BlockCommand<T> =>
  withMessage("RETR", messageNumber(message), body);

/** Creates TOP. `lines`: the number of lines of the body, in addition to the headers and the empty line. */
export function top<T>(message: number, lines: number, body: () => BlockReader<T>): BlockCommand<T> {
  if (!Number.isSafeInteger(lines) || lines < 0)
    throw invalid(`the number of lines must be an integer >= 0 (got ${shown(lines)})`);
  return withMessage("TOP", `${messageNumber(message)} ${String(lines)}`, body);
}

export const capa = (limits: CommandLimits): BlockCommand<Capabilities> => ({
  ...withBlock(
    "CAPA",
    "",
    () =>
      new SmallBlock(limits.capabilityOctets, (octets) => {
        const text = decodeText(octets);
        if (text.split("\r\n").length - 1 > limits.capabilityLines) {
          throw new Pop3ProtocolError(
            "POP3_RESPONSE_TOO_LARGE",
            `the server lists more capabilities than the limit of ${String(limits.capabilityLines)}`,
          );
        }
        return parseCapabilities(text);
      }),
  ),
  small: true,
});

/** Creates LANG without an argument, which lists the available languages (RFC 6856 section 3). */
export const langList = (limits: CommandLimits): BlockCommand<Language[]> => ({
  ...withBlock(
    "LANG",
    "",
    () => new SmallBlock(limits.capabilityOctets, (octets) => parseLanguages(decodeText(octets))),
  ),
  small: true,
});

/** Creates LANG with a language for the replies: a tag, `*` for the default of the server, or `i-default`. */
export function lang(tag: string, limits: CommandLimits): LineCommand<string> {
  if (typeof tag !== "string" || !/^[A-Za-z0-9*-]{1,80}$/.test(tag))
    throw invalid(
      `the language must be a language tag such as "en" or "de-CH", or "*" for the default (got ${shown(tag)})`,
    );
  return checked(simple("LANG", tag, textOf), limits);
}

/**
 * Creates USER. `encode` returns the octets of the line, if the charset is not UTF-8. `secrets` may hide the
 * name.
 */
export const user = (
  name: string,
  limits: CommandLimits,
  encode?: (text: string) => Buffer,
  secrets?: Secrets,
): LineCommand<void> =>
  checked(
    {
      ...simple("USER", argument("the user name", name), nothing),
      encoded: encode?.(`USER ${name}`),
      printable: `USER ${printable(name, secrets)}`,
      refused: "POP3_AUTH_REJECTED",
    },
    limits,
  );

export const pass = (
  secret: string,
  limits: CommandLimits,
  encode?: (text: string) => Buffer,
): LineCommand<void> =>
  checked(
    {
      ...simple("PASS", argument("the password", secret), nothing),
      encoded: encode?.(`PASS ${secret}`),
      printable: `PASS ${MASK}`,
      secrets: [secret],
      alone: true,
      refused: "POP3_AUTH_REJECTED",
    },
    limits,
  );

/** Creates APOP. `digest` is 32 hexadecimal digits (RFC 1939 section 7). `secrets` may hide the name. */
export function apop(
  name: string,
  digest: string,
  limits: CommandLimits,
  secrets?: Secrets,
): LineCommand<void> {
  argument("the user name", name);
  if (/\s/.test(name))
    throw invalid("the user name must not contain white space for APOP; use another mechanism");
  return checked(
    {
      ...simple("APOP", `${name} ${digest}`, nothing),
      printable: `APOP ${printable(name, secrets)} ${MASK}`,
      secrets: [digest],
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      advice:
        'many servers print a timestamp although they store no password for APOP: try mechanism: "USER"',
    },
    limits,
  );
}

/**
 * Creates AUTH (RFC 5034). `initial` is the initial response in base64, `=` for an empty one. The reply is
 * returned unchanged: it is a challenge or the end of the exchange.
 */
export function auth(
  mechanism: string,
  initial: string | undefined,
  limits: CommandLimits,
): LineCommand<Reply> {
  if (!/^[A-Z0-9_-]{1,20}$/.test(mechanism))
    throw invalid("the name of a SASL mechanism must be 1 to 20 characters of A-Z, 0-9, - and _ (RFC 4422)");
  const command: LineCommand<Reply> = {
    ...simple("AUTH", initial === undefined ? mechanism : `${mechanism} ${initial}`, (reply) => reply),
    printable: initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${MASK}`,
    secrets: initial === undefined ? [] : [initial],
    alone: true,
    refused: "POP3_AUTH_REJECTED",
    challenge: true,
  };
  return checked(command, limits);
}

/**
 * Creates the response to a challenge: base64, or `*` to cancel the exchange. RFC 5034 section 4 does not
 * limit its length, so neither does this function.
 */
export const authResponse = (response: string): LineCommand<Reply> => ({
  states: LOGIN.states,
  line: response,
  printable: response === "*" ? "*" : MASK,
  subject: "the login",
  secrets: response === "*" ? [] : [response],
  alone: true,
  refused: "POP3_AUTH_REJECTED",
  challenge: true,
  parse: (reply) => reply,
});

/** Creates a custom command of the caller. Only its verb is ever printed. */
export function custom(line: string, multiline: false, limits: CommandLimits): LineCommand<Reply>;
export function custom(line: string, multiline: true, limits: CommandLimits): BlockCommand<CustomBlock>;
export function custom(
  line: string,
  multiline: boolean,
  limits: CommandLimits,
): LineCommand<Reply> | BlockCommand<CustomBlock> {
  const verb = (/^[!-~]+/.exec(argument("the command", line))?.[0] ?? "").toUpperCase();
  if (verb === "") throw invalid("the command must begin with its name, without a space before it");
  const { states, changesSession } = Object.hasOwn(VERBS, verb) ? VERBS[verb as Verb] : OTHER;
  if (changesSession)
    throw invalid(
      `${printable(verb)} is not allowed as a custom command: it changes the session; use the client's method`,
    );
  const said = { states, line, printable: line.length > verb.length ? `${verb} ${MASK}` : verb };
  if (!multiline) return checked({ ...said, parse: (reply) => reply }, limits);
  return checked(
    {
      ...said,
      block: (status) => {
        const reply = parseReply(status) as Reply; // the connection has checked that it is a reply
        return new SmallBlock(limits.message, (block) => ({ ...reply, block }));
      },
    },
    limits,
  );
}

export interface CustomBlock extends Reply {
  readonly block: Buffer;
}

/**
 * Creates the command for the greeting, which is a reply without a command (RFC 1939 section 4). Nothing is
 * sent.
 */
export const greeting = (): LineCommand<Reply> => ({
  states: ["disconnected"],
  line: "",
  printable: "the greeting",
  alone: true,
  refused: "POP3_GREETING_REJECTED",
  parse: (reply) => reply,
});

function simple<T>(verb: Verb, text: string, parse: LineCommand<T>["parse"]): LineCommand<T> {
  const line = text === "" ? verb : `${verb} ${text}`;
  return { states: VERBS[verb].states, line, printable: line, parse };
}

function withBlock<T>(verb: Verb, text: string, block: BlockCommand<T>["block"]): BlockCommand<T> {
  const line = text === "" ? verb : `${verb} ${text}`;
  return { states: VERBS[verb].states, line, printable: line, block };
}

/** One literal, not a spread of `withBlock`: there is one for every message. */
function withMessage<T>(verb: Verb, text: string, block: BlockCommand<T>["block"]): BlockCommand<T> {
  const line = `${verb} ${text}`;
  return { states: VERBS[verb].states, line, printable: line, message: true, block };
}

function argument(what: string, value: string): string {
  const given: unknown = value;
  // Only the type is shown: the value may be a secret.
  if (typeof given !== "string" || given === "")
    throw invalid(
      `${what} must be a non-empty string (got ${given === "" ? "an empty string" : typeOf(given)})`,
    );
  if (/[\r\n\0]/.test(value)) throw invalid(`${what} must not contain CR, LF or NUL`);
  return value;
}

/**
 * Checks the length of the line. RFC 2449 section 4: a command line has at most 255 octets, CRLF included.
 */
function checked<C extends CommandLine>(command: C, limits: CommandLimits): C {
  if (Buffer.byteLength(command.encoded ?? command.line) + 2 > limits.commandLine) {
    throw new Pop3Error(
      "POP3_COMMAND_TOO_LONG",
      `the command line must be at most ${String(limits.commandLine)} bytes, CRLF included (limits.commandLine)`,
      { command: command.printable },
    );
  }
  return command;
}

function invalid(message: string): Pop3Error {
  return new Pop3Error("POP3_INVALID_ARGUMENT", message);
}

function parseLanguages(block: string): Language[] {
  return block
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [tag = "", ...description] = line.split(" ");
      return { tag, description: description.join(" ") };
    });
}
