// The known differences of poplib and curl, for the same octets. Each difference is a rewriting of its own.
import { LONGEST_LINE, readReply } from "../../support/by-the-letter.ts";
import { hasBlock, type Exchange } from "../../support/exchange.ts";

export type OtherClient = "poplib" | "curl";

export interface Difference {
  readonly client: OtherClient;
  /** What it does. */
  readonly does: string;
  /** What comes of it, or why. */
  readonly reason: string;
  /**
   * The session that, read by the letter of the RFC, gives what this client makes of the one it is given. All
   * rewritings of a client, in order, have to give its very outcome.
   */
  readonly rewrite: (exchanges: readonly Exchange[]) => readonly Exchange[];
}

type Rewriting = Difference["rewrite"];

const each =
  (change: (exchange: Exchange) => Exchange): Rewriting =>
  (exchanges) =>
    exchanges.map(change);

const eachReply = (change: (reply: string) => string): Rewriting =>
  each((exchange) => ({ ...exchange, reply: change(exchange.reply) }));

/** Changes what follows the status line, if that is a block. */
const eachBlock = (change: (block: string) => string): Rewriting =>
  each((exchange) => {
    const { reply } = exchange;
    const start = reply.indexOf("\n") + 1;
    if (!hasBlock(exchange) || !reply.startsWith("+") || start === 0) return exchange;
    return { ...exchange, reply: reply.slice(0, start) + change(reply.slice(start)) };
  });

const eachStatusLine = (change: (line: string) => string): Rewriting =>
  eachReply((reply) => reply.replace(/^[^\n]*/, change));

/** Inserts a space after `+OK` if something else follows it. */
const separated = (line: string): string => line.replace(/^\+OK(?! |\r$)/, "+OK ");

const withoutNul = eachStatusLine((line) => (line.startsWith("+OK") ? line.replaceAll("\0", "") : line));

/** A dot that no other follows stays: as if it had been stuffed. */
const keepSingleDots = eachReply((reply) => reply.replace(/(?<=\r\n)\.(?!\.|\r\n)/g, ".."));

/** Treats what follows a reply as the start of the next answer. */
const carryOver: Rewriting = (exchanges) => {
  let before = "";
  return exchanges.map((exchange) => {
    const reply = before + exchange.reply;
    const { rest = "" } = readReply({ ...exchange, reply });
    before = rest;
    return { ...exchange, reply: reply.slice(0, reply.length - rest.length) };
  });
};

const asMessages = each((exchange) => (hasBlock(exchange) ? { ...exchange, command: "RETR" } : exchange));

/** The longest line of poplib, with its end; octets. */
const POPLIB_LINE = 2048;

/** `1_0` and `+10` are 10; white space is whatever C calls so. */
function pythonNumbers(line: string): string | undefined {
  const [, count = "", size = ""] = line.split(/[\t\v\f\r ]+/);
  if (![count, size].every((number) => /^[+-]?\d+(?:_\d+)*$/.test(number))) return undefined;
  const [first, second] = [count, size].map((number) => BigInt(number.replace(/^\+|_/g, "")));
  return `${first} ${second}`;
}

const poplib: readonly Omit<Difference, "client">[] = [
  {
    does: "fails at a line of more than 2,048 octets",
    reason: "mail has such lines; its limit is also that of status lines, for which ours is 8,192",
    rewrite: eachReply((reply) =>
      reply.split("\n").some((line) => line.length + 1 > POPLIB_LINE) ? "-ERR\r\n" : reply,
    ),
  },
  {
    does: "takes the last octet of a connection for the end of a line",
    reason: "if it closes after a dot and one octet, half a message counts as complete; so does half a reply",
    rewrite: eachReply((reply) => {
      const start = reply.lastIndexOf("\n") + 1;
      const line = reply.slice(start);
      // What begins with CR loses that, too.
      return line === ""
        ? reply
        : `${reply.slice(0, start)}${line.slice(line.startsWith("\r") ? 1 : 0, -1)}\r\n`;
    }),
  },
  {
    does: "drops a CR that starts a line which ends in LF alone",
    reason: "it treats LF CR as a line end; the CR is lost, and a dot after it ends the message",
    rewrite: eachReply((reply) => reply.replace(/(?<=^|\n)\r(?=[^\n]*[^\r\n]\n)/g, "")),
  },
  {
    does: "ends lines at LF alone, and returns them without their ends",
    reason:
      "the kind of line end is lost; LF dot LF ends a message too early, and the rest answers a command",
    rewrite: eachReply((reply) => reply.replace(/(?<!\r)\n/g, "\r\n")),
  },
  {
    does: "takes every line that begins with + for success",
    reason: "+ERR, +Okay and a challenge do not mean success",
    rewrite: eachStatusLine((line) => separated(line.replace(/^\+[^\t\v\f\r ]*/, "+OK"))),
  },
  {
    does: "takes NUL in a status line",
    reason: "no line of the protocol may have it",
    rewrite: withoutNul,
  },
  {
    does: "keeps a single dot that starts a line",
    reason: "RFC 1939 section 3 drops it, whatever follows: only a server that does not stuff sends it",
    rewrite: keepSingleDots,
  },
  {
    does: "takes text after a reply for the reply to the next command",
    reason: "from there on every reply is that of another command",
    rewrite: carryOver,
  },
  {
    does: "returns listings unchecked",
    reason: "its caller must check them",
    rewrite: asMessages,
  },
  {
    does: "reads STAT as Python reads numbers",
    reason: "-1, +1 and 1_0 are numbers to Python, however large, and tabs are spaces",
    rewrite: each((exchange) => {
      const [all = "", line = ""] = /^(\+OK(?: [^\n]*)?)\r\n/.exec(exchange.reply) ?? [];
      const numbers = exchange.command === "STAT" ? pythonNumbers(line) : undefined;
      if (numbers === undefined) return exchange;
      return { command: "text", reply: `+OK ${numbers}\r\n${exchange.reply.slice(all.length)}` };
    }),
  },
];

/** The octets that end a block, from which curl gives back what has matched so far. */
const END = "\r\n.";

/** What curl makes of a block that begins like the end of a block, but does not end there. */
function misreadBeginning(block: string): string {
  const [matched = ""] = /^\.(?:\r\n?)?/.exec(block) ?? [];
  const rest = block.slice(matched.length);
  if (matched === "" || rest === "" || (matched === "." && rest.startsWith("."))) return block;
  // curl is in the middle of a line now. A dot here is text, and must be stuffed for clients for which a line
  // begins here.
  const text = END.slice(0, matched.length) + rest;
  return text.replace(/^\r\n\./, "\r\n..");
}

const curl: readonly Omit<Difference, "client">[] = [
  {
    does: "skips lines until one is a reply",
    reason: "it may wait for ever, and the next reply may belong to another command",
    rewrite: eachReply((reply) => reply.replace(/^(?:(?!\+|-ERR)[^\n]*\n)+/, "")),
  },
  {
    does: "takes text after the greeting for capabilities",
    reason: "the text was sent before CAPA was requested",
    rewrite: each((exchange) =>
      exchange.command === "greeting"
        ? { ...exchange, reply: exchange.reply.replace(/(?<=^[^\n]*\n)\+[^\n]*\n/, "") }
        : exchange,
    ),
  },
  {
    does: "takes a status line that ends in LF alone",
    reason: "a server that ends lines like this may end messages like this, but curl looks for CRLF dot CRLF",
    rewrite: eachStatusLine((line) => line.replace(/(?<!\r)$/, "\r")),
  },
  {
    does: "takes every line that begins with +OK for success",
    reason: "the RFC has +OK and a space after it",
    rewrite: eachStatusLine(separated),
  },
  {
    does: "takes NUL in a status line",
    reason: "as with poplib",
    rewrite: withoutNul,
  },
  {
    does: "takes status lines of more than 8,192 octets",
    reason: "a limit of ours: no status line needs more",
    rewrite: eachStatusLine((line) => (line.length + 1 > LONGEST_LINE ? "+OK\r" : line)),
  },
  {
    does: "misreads a beginning that looks like the end: a dot becomes CR",
    reason: "it outputs the start of CRLF dot CRLF instead of the held octets; never with stuffed dots",
    rewrite: eachBlock(misreadBeginning),
  },
  {
    does: "finds the end only if nothing has arrived after it",
    reason: "surplus text from the server becomes part of the message, and it waits for one more end",
    rewrite: each((exchange) => {
      if (!hasBlock(exchange)) return exchange;
      return { ...exchange, reply: exchange.reply.replace(/\r\n\.\r\n(?=[^])(\.?)/g, "\r\n..\r\n$1$1") };
    }),
  },
  {
    does: "takes the end of the connection for the end of the message",
    reason: "half a message counts as complete, with exit code 0",
    rewrite: each((exchange) => {
      const { reply } = exchange;
      if (!hasBlock(exchange) || !/^\+OK[^\n]*\n/.test(reply) || reply.endsWith("\r\n.\r\n")) return exchange;
      const [, line = "", block = ""] = /^([^\n]*\n)([^]*)$/.exec(reply) ?? [];
      // What may belong to an end is held back, and never given out.
      const given = `\r\n${block}`.replace(/\r(?:\n(?:\.\r?)?)?$/, "").slice(2);
      return { ...exchange, reply: line + given, endsAtClose: true };
    }),
  },
  {
    does: "keeps a single dot that starts a line",
    reason: "as with poplib",
    rewrite: keepSingleDots,
  },
  {
    does: "makes an empty block one empty line",
    reason: "it takes the end of the status line for the end of a line of the message",
    rewrite: eachBlock((block) => (block === ".\r\n" ? "\r\n.\r\n" : block)),
  },
  {
    does: "takes text after a reply of one line for the reply to the next command",
    reason: "as with poplib",
    rewrite: carryOver,
  },
  {
    does: "returns listings and STAT unchecked",
    reason: "its caller must check them",
    rewrite: (exchanges) =>
      asMessages(exchanges).map((exchange) =>
        exchange.command === "STAT" ? { ...exchange, command: "text" } : exchange,
      ),
  },
];

export const differences: readonly Difference[] = [
  ...poplib.map((difference) => ({ client: "poplib" as const, ...difference })),
  ...curl.map((difference) => ({ client: "curl" as const, ...difference })),
];
