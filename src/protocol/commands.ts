// Every command as a value: its line, what may be printed of it, and how its reply is read. A secret is in
// `line` and never in `printable`, so that nothing has to be taken out of a log later.
import { Pop3Error, Pop3ProtocolError, type Pop3ReplyErrorCode } from "../errors.ts";
import { SmallBlock, type BlockReader } from "./block.ts";
import { parseCapabilities, type Capabilities } from "./capabilities.ts";
import { scanListing, uniqueIdListing, type ListingRules } from "./listing-block.ts";
import { isMessageNumber } from "./listing-fields.ts";
import { parseScanListing, parseStat, parseUniqueId, type MaildropStat } from "./listings.ts";
import { printable } from "./printable.ts";
import { decodeText, parseReply, type Reply } from "./reply.ts";

interface CommandLine {
  /** What is sent, without CRLF; it goes out as UTF-8. */
  readonly line: string;
  /** What is sent in place of `line`, where that is not UTF-8. */
  readonly encoded?: Buffer | undefined;
  /** What may be printed of it. */
  readonly printable: string;
  /** What it is called where that says nothing. */
  readonly subject?: string;
  /** What a server might repeat of it, now or later, and is not printed either. */
  readonly secrets?: readonly string[];
  /** Is sent when nothing is in flight, and nothing is sent behind it before its reply has come. */
  readonly alone?: boolean;
  /** The code of the error that a `-ERR` becomes; `POP3_REFUSED` unless given. */
  readonly refused?: Pop3ReplyErrorCode;
}

/** Answered by one line. */
export interface LineCommand<T> extends CommandLine {
  /** Whether `+ ` is an answer too (AUTH and the lines of its exchange). */
  readonly challenge?: boolean;
  /** Throws when its content is wrong, without the `secrets`. */
  parse(reply: Reply, secrets?: readonly string[]): T;
  readonly block?: undefined;
}

/** Answered by a line, and a block where that line is `+OK`. */
export interface BlockCommand<T> extends CommandLine {
  /** The block is small: it has to come within the time of the status line. */
  readonly small?: boolean;
  /** The block is a message. Some servers do not answer in order what follows one. */
  readonly message?: boolean;
  /** Takes in the block; `line` is the status line before it. */
  block(line: Buffer): BlockReader<T>;
  readonly challenge?: undefined;
}

export type Command<T> = LineCommand<T> | BlockCommand<T>;

/** The bounds that commands and their replies keep; octets unless named otherwise. */
export interface CommandLimits {
  readonly commandLine: number;
  readonly capabilityLines: number;
  readonly capabilityOctets: number;
  /** The block behind a command of the caller's own. */
  readonly message: number;
}

/** A language that a server speaks (RFC 6856 section 3.2). */
export interface Language {
  /** The language tag, as `LANG` takes it. */
  readonly tag: string;
  readonly description: string;
}

const textOf = (reply: Reply): string => reply.text;
const nothing = (): void => undefined;
const MASK = "****";

export const stat = (): LineCommand<MaildropStat> => simple("STAT", parseStat);
export const noop = (): LineCommand<void> => simple("NOOP", nothing);
export const rset = (): LineCommand<void> => simple("RSET", nothing);
export const dele = (message: number): LineCommand<void> => simple(`DELE ${messageNumber(message)}`, nothing);
export const quit = (): LineCommand<string> => ({ ...simple("QUIT", textOf), alone: true });
export const stls = (): LineCommand<void> => ({ ...simple("STLS", nothing), alone: true });
export const utf8 = (): LineCommand<void> => ({ ...simple("UTF8", nothing), alone: true });

export const listOne = (message: number): LineCommand<number> =>
  simple(`LIST ${messageNumber(message)}`, (reply, secrets) => parseScanListing(reply, message, secrets));
export const uidlOne = (message: number): LineCommand<string> =>
  simple(`UIDL ${messageNumber(message)}`, (reply, secrets) => parseUniqueId(reply, message, secrets));
export const list = (rules: ListingRules): BlockCommand<Map<number, number>> =>
  withBlock("LIST", () => scanListing(rules));
export const uidl = (rules: ListingRules): BlockCommand<Map<number, string>> =>
  withBlock("UIDL", () => uniqueIdListing(rules));

/** `body` is given the first line of the reply. */
export const retr = <T>(message: number, body: (line: Buffer) => BlockReader<T>): BlockCommand<T> => ({
  ...withBlock(`RETR ${messageNumber(message)}`, body),
  message: true,
});

/** `lines`: how many of the body, beside the headers and the empty line. */
export function top<T>(message: number, lines: number, body: () => BlockReader<T>): BlockCommand<T> {
  if (!Number.isSafeInteger(lines) || lines < 0) throw invalid("the number of lines is an integer from 0 on");
  return { ...withBlock(`TOP ${messageNumber(message)} ${String(lines)}`, body), message: true };
}

export const capa = (limits: CommandLimits): BlockCommand<Capabilities> => ({
  ...withBlock(
    "CAPA",
    () =>
      new SmallBlock(limits.capabilityOctets, (octets) => {
        const text = decodeText(octets);
        if (text.split("\r\n").length - 1 > limits.capabilityLines) {
          throw new Pop3ProtocolError(
            "POP3_RESPONSE_TOO_LARGE",
            `the server lists more than ${String(limits.capabilityLines)} capabilities`,
          );
        }
        return parseCapabilities(text);
      }),
  ),
  small: true,
});

/** The languages to be had (RFC 6856 section 3). */
export const langList = (limits: CommandLimits): BlockCommand<Language[]> => ({
  ...withBlock(
    "LANG",
    () => new SmallBlock(limits.capabilityOctets, (octets) => parseLanguages(decodeText(octets))),
  ),
  small: true,
});

/** Asks for replies in a language: a tag, `*` for the server's default, `i-default`. */
export function lang(tag: string, limits: CommandLimits): LineCommand<string> {
  if (!/^[A-Za-z0-9*-]{1,80}$/.test(tag)) throw invalid("not a language tag");
  return checked(simple(`LANG ${tag}`, textOf), limits);
}

/** `encode` gives the octets of a name in another charset than UTF-8. */
export const user = (
  name: string,
  limits: CommandLimits,
  encode?: (text: string) => Buffer,
): LineCommand<void> =>
  checked(
    {
      ...simple(`USER ${argument("the user name", name)}`, nothing),
      encoded: encode?.(`USER ${name}`),
      printable: `USER ${printable(name)}`,
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
      ...simple(`PASS ${argument("the password", secret)}`, nothing),
      encoded: encode?.(`PASS ${secret}`),
      printable: `PASS ${MASK}`,
      secrets: [secret],
      alone: true,
      refused: "POP3_AUTH_REJECTED",
    },
    limits,
  );

/** `digest` is 32 hexadecimal digits (RFC 1939 section 7). */
export function apop(name: string, digest: string, limits: CommandLimits): LineCommand<void> {
  if (/\s/.test(name)) throw invalid("APOP takes no user name with white space in it");
  const line = `APOP ${argument("the user name", name)} ${digest}`;
  return checked(
    {
      ...simple(line, nothing),
      printable: `APOP ${printable(name)} ${MASK}`,
      secrets: [digest],
      alone: true,
      refused: "POP3_AUTH_REJECTED",
    },
    limits,
  );
}

/**
 * AUTH (RFC 5034). `initial` is the base64 of the initial response, `=` for an empty one. The reply is given
 * out as it is: a challenge, or the end.
 */
export function auth(
  mechanism: string,
  initial: string | undefined,
  limits: CommandLimits,
): LineCommand<Reply> {
  if (!/^[A-Z0-9_-]{1,20}$/.test(mechanism)) throw invalid("not the name of a SASL mechanism");
  const command: LineCommand<Reply> = {
    line: initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${initial}`,
    printable: initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${MASK}`,
    secrets: initial === undefined ? [] : [initial],
    alone: true,
    refused: "POP3_AUTH_REJECTED",
    challenge: true,
    parse: (reply) => reply,
  };
  return checked(command, limits);
}

/** The answer to a challenge: base64, or `*` to give up. RFC 5034 section 4 sets no limit of its own to it. */
export const authResponse = (response: string): LineCommand<Reply> => ({
  line: response,
  printable: response === "*" ? "*" : MASK,
  subject: "the login",
  secrets: response === "*" ? [] : [response],
  alone: true,
  refused: "POP3_AUTH_REJECTED",
  challenge: true,
  parse: (reply) => reply,
});

/** The verbs that change what the session is: they have methods that know of it, and no way past them. */
const STATEFUL: ReadonlySet<string> = new Set(
  "USER PASS APOP AUTH STLS QUIT RSET DELE UTF8 RETR TOP CAPA".split(" "),
);

/** A command of the caller's own. Only its verb is ever printed. */
export function custom(line: string, multiline: false, limits: CommandLimits): LineCommand<Reply>;
export function custom(line: string, multiline: true, limits: CommandLimits): BlockCommand<CustomBlock>;
export function custom(
  line: string,
  multiline: boolean,
  limits: CommandLimits,
): LineCommand<Reply> | BlockCommand<CustomBlock> {
  const verb = (/^[!-~]+/.exec(argument("the command", line))?.[0] ?? "").toUpperCase();
  if (verb === "") throw invalid("a command begins with its name");
  if (STATEFUL.has(verb)) throw invalid(`${verb} has a method of its own: the session depends on it`);
  const said = { line, printable: line.length > verb.length ? `${verb} ${MASK}` : verb };
  if (!multiline) return checked({ ...said, parse: (reply) => reply }, limits);
  return checked(
    {
      ...said,
      block: (status) => {
        const reply = parseReply(status) as Reply; // the caller has seen that it is one
        return new SmallBlock(limits.message, (block) => ({ ...reply, block }));
      },
    },
    limits,
  );
}

export interface CustomBlock extends Reply {
  readonly block: Buffer;
}

/** What the server says before anything is asked (RFC 1939 section 4): a reply like any other, to no line. */
export const greeting = (): LineCommand<Reply> => ({
  line: "",
  printable: "the greeting",
  alone: true,
  refused: "POP3_GREETING_REJECTED",
  parse: (reply) => reply,
});

/** The command, with more that a server might repeat and that is not to be printed. */
export function withSecrets<C extends Command<unknown>>(command: C, secrets: readonly string[]): C {
  return { ...command, secrets: [...(command.secrets ?? []), ...secrets] };
}

function simple<T>(line: string, parse: LineCommand<T>["parse"]): LineCommand<T> {
  return { line, printable: line, parse };
}

function withBlock<T>(line: string, block: (line: Buffer) => BlockReader<T>): BlockCommand<T> {
  return { line, printable: line, block };
}

function messageNumber(message: number): string {
  if (!isMessageNumber(message)) throw invalid("a message number is an integer from 1 on");
  return String(message);
}

function argument(what: string, value: string): string {
  if (typeof value !== "string" || value === "") throw invalid(`${what} is a string that is not empty`);
  if (/[\r\n\0]/.test(value)) throw invalid(`${what} has a CR, LF or NUL in it`);
  return value;
}

/** RFC 2449 section 4: a command line is at most 255 octets, its CRLF included. */
function checked<C extends CommandLine>(command: C, limits: CommandLimits): C {
  if (Buffer.byteLength(command.encoded ?? command.line) + 2 > limits.commandLine) {
    throw new Pop3Error(
      "POP3_COMMAND_TOO_LONG",
      `the command line is longer than ${String(limits.commandLine)} octets`,
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
