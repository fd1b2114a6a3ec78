// Cases in which clients are known to differ, or could differ. Each case has its own name.
import type { Case, Command, Exchange } from "../../support/exchange.ts";
import { stuffed } from "./generated.ts";

const one = (command: Command, reply: string): Exchange[] => [{ command, reply }];
const named = (command: Command, replies: Readonly<Record<string, string>>): Case[] =>
  Object.entries(replies).map(([name, reply]) => ({ name, exchanges: one(command, reply) }));

/** The greeting, the replies to USER and PASS, and a message. */
const greeted = (greeting: string): Exchange[] => [
  { command: "greeting", reply: greeting },
  { command: "login", reply: "+OK\r\n+OK\r\n" },
  { command: "RETR", reply: "+OK\r\na\r\n.\r\n" },
];

/** The greeting, and no more. */
const greetedOnly = (greeting: string): Exchange[] =>
  greeted(greeting).map((exchange, index) => (index === 0 ? exchange : { ...exchange, reply: "" }));

const a = (length: number): string => "a".repeat(length);

/** As a server may send them. */
const MESSAGES: Readonly<Record<string, string>> = {
  "an empty message": "",
  "one empty line": "\r\n",
  "no CRLF at the end": "Subject: x\r\n\r\nthe end",
  "CR at the end": "a\r",
  "LF at the end": "a\n",
  "lines of dots": ".\r\n..\r\n...\r\n.a\r\n",
  "a dot at the end": "a\r\n.",
  "LF dot LF, and a reply": "a\n.\n+OK fake\r\nb\r\n",
  "LF dot CRLF": "a\n.\r\nb\r\n",
  "CRLF dot LF": "a\r\n.\nb\r\n",
  "CR dot CR": "a\r.\rb\r\n",
  "LF CR dot LF": "a\n\r.\nb\r\n",
  "a line that begins with CR and ends in LF": "\ra\nb\r\n",
  "LF everywhere": "Subject: x\n\na\n..\n",
  "CR CR LF": "a\r\r\nb\r\n",
  "NUL, and octets above 127": "\0\xff\0\r\n\x80\r\n\0",
  "replies inside": "+OK\r\n-ERR no\r\n+ \r\n",
  "a line of 2,046 octets": `${a(2046)}\r\n`,
  "a line of 2,047 octets": `${a(2047)}\r\n`,
  "a line of 100,000 octets": `${a(100_000)}\r\n`,
  "a line of 2,100 octets in LF": `${a(1000)}\n${a(1000)}\n${a(100)}\r\n`,
  "150,000 octets, and dots at the start of each line": `..${a(66)}\r\n.\r\n`.repeat(2000),
};

const messages: readonly Case[] = Object.entries(MESSAGES).map(([name, message]) => ({
  name,
  exchanges: one("RETR", `+OK\r\n${stuffed(message)}`),
  message: message === "" || message.endsWith("\r\n") ? message : `${message}\r\n`,
}));

const BLOCKS: Readonly<Record<string, string>> = {
  "a dot that was not stuffed, first": "+OK\r\n.x\r\n.\r\n",
  "a dot that was not stuffed": "+OK\r\na\r\n.x\r\n.\r\n",
  "dot CR, first": "+OK\r\n.\ra\r\n.\r\n",
  "dot CR dot, first": "+OK\r\n.\r.x\r\n.\r\n",
  "dot LF dot, first": "+OK\r\n.\n.x\r\n.\r\n",
  "dot CR CR LF": "+OK\r\na\r\n.\r\r\n.\r\n",
  "a reply after a message": "+OK\r\na\r\n.\r\n+OK more\r\n",
  "a whole answer after a message": "+OK\r\na\r\n.\r\n+OK\r\nb\r\n.\r\n",
  "a line end after a message": "+OK\r\na\r\n.\r\n\r\n",
  "a second end after a message": "+OK\r\na\r\n.\r\n.\r\n",
  "a reply after an empty message": "+OK\r\n.\r\n+OK more\r\n",
  "an end by LF dot LF alone": "+OK\na\n.\n",
  "the connection ends at once": "",
  "the connection ends after the status line": "+OK\r\n",
  "the connection ends in the status line": "+OK",
  "the connection ends in a line": "+OK\r\na",
  "the connection ends after CR": "+OK\r\na\r",
  "the connection ends after CRLF": "+OK\r\na\r\n",
  "the connection ends after CRLF dot": "+OK\r\na\r\n.",
  "the connection ends after CRLF dot CR": "+OK\r\na\r\n.\r",
  "the connection ends after dot and a letter": "+OK\r\na\r\n.b",
};

/** Before `a`, and its end. */
const STATUS_LINES = [
  ...[
    "+OK\r\n",
    "+OK \r\n",
    "+OK 120 octets\r\n",
    "+OK [X] text\r\n",
    "+OK a\rb\r\n",
    "+OK \xff\r\n",
    "+OK\n",
  ],
  ...[
    "+OKAY\r\n",
    "+Okay\r\n",
    "+ok\r\n",
    "+OK\t\r\n",
    "+OK\r\r\n",
    "+OK a\0b\r\n",
    "+OK\0\r\n",
    "+\0OK\r\n",
    "+\r\n",
  ],
  ...[
    "+ \r\n",
    "+ERR\r\n",
    " +OK\r\n",
    "\r\n",
    "\r\n+OK\r\n",
    "WHAT\r\n",
    "WHAT\r\n+OK\r\n",
    "\0+OK\r\n",
    "OK\r\n",
  ],
  ...["* OK\r\n", "250 OK\r\n", "HTTP/1.1 200 OK\r\n", "+OK a\nb\r\n", "\r+OK\n", "+OK\n\r"],
];
const REFUSALS = [
  "-ERR\r\n",
  "-ERR no\r\n",
  "-ERR [SYS/TEMP] no\r\n",
  "-err\r\n",
  "-ERRno\r\n",
  "-ERR a\0\r\n",
  "-ERR\n",
  "-\r\n",
];
const LONG_STATUS_LINES = [600, 2048, 2049, 8192, 8193, 70_000];

const GREETINGS = [
  ...[
    "+OK\r\n",
    "+OK hello <1.2@example.com>\r\n",
    "+OKAY\r\n",
    "+Okay\r\n",
    "+ok\r\n",
    "+OK hello\n",
    "+OK a\0b\r\n",
  ],
  ...["+ \r\n", "-ERR go away\r\n", "+OK hello\r\n+OK more\r\n"],
];
/** After these the server closes, as some wait for what may yet come. */
const NO_GREETINGS = ["HTTP/1.1 200 OK\r\n", "220 ready\r\n", "* OK IMAP4rev1\r\n", "\r\n", "+OK"];

const LISTINGS: Readonly<Record<string, string>> = {
  "an empty listing": "",
  "a listing": "1 120\r\n2 200\r\n",
  "a listing with gaps, and out of order": "7 120\r\n2 200\r\n",
  "padded columns": "1   120\r\n2   200\r\n",
  "a number twice": "1 120\r\n1 200\r\n",
  "an invalid size": "1 x\r\n",
  "no size": "1\r\n",
  "lines that end in LF": "1 120\n2 200\n",
  "an empty line": "1 120\r\n\r\n2 200\r\n",
  "text after the size": "1 120 x\r\n",
  "a path": "1 ../../etc/passwd\r\n2 %s%n\r\n",
  "a dot that was stuffed": "..1 120\r\n",
};

/** Cases with more than one command. What follows the first reply does not answer the second command. */
const SESSIONS: Readonly<Record<string, readonly Exchange[]>> = {
  "a line after the answer to STAT": [
    { command: "STAT", reply: "+OK 1 140\r\n+OK more\r\n" },
    { command: "UIDL", reply: "+OK\r\n1 a\r\n.\r\n" },
  ],
  "a line after the answer to NOOP": [
    { command: "NOOP", reply: "+OK\r\n+OK more\r\n" },
    { command: "RETR", reply: "+OK\r\na\r\n.\r\n" },
  ],
  "a message after the answer to NOOP": [
    { command: "NOOP", reply: "+OK\r\n+OK\r\nnot asked for\r\n.\r\n" },
    { command: "RETR", reply: "+OK\r\na\r\n.\r\n" },
  ],
  "a message that holds an answer": [
    { command: "RETR", reply: "+OK\r\na\n.\n+OK fake\r\nb\r\n.\r\n" },
    { command: "RETR", reply: "+OK\r\nc\r\n.\r\n" },
  ],
  "a refusal, and a message": [
    { command: "NOOP", reply: "-ERR no\r\n" },
    { command: "RETR", reply: "+OK\r\na\r\n.\r\n" },
  ],
  "one command after the other": [
    { command: "STAT", reply: "+OK 2 320\r\n" },
    { command: "LIST", reply: "+OK\r\n1 120\r\n2 200\r\n.\r\n" },
    { command: "UIDL", reply: "+OK\r\n1 a\r\n2 b\r\n.\r\n" },
    { command: "RETR", reply: "+OK\r\n..a\r\n.\r\n" },
    { command: "RETR", reply: "-ERR no such message\r\n" },
    { command: "NOOP", reply: "+OK\r\n" },
  ],
};

/** The same octets are sent in packets of each of these sizes. */
const PACKETS = [1, 2, 3, 4, 5];
const CUT = `+OK\r\n${stuffed("..a\r\n\r\n.\r\nb\r\n.")}`;

export const byHand: readonly Case[] = [
  ...messages,
  ...named("RETR", BLOCKS),
  ...[...STATUS_LINES, ...REFUSALS].map((line) => ({
    name: `status line ${JSON.stringify(line)}`,
    exchanges: one("RETR", `${line}a\r\n.\r\n`),
  })),
  ...LONG_STATUS_LINES.map((length) => ({
    name: `a status line of ${length} octets`,
    exchanges: one("RETR", `+OK ${a(length - 6)}\r\na\r\n.\r\n`),
  })),
  ...GREETINGS.map((line) => ({ name: `greeting ${JSON.stringify(line)}`, exchanges: greeted(line) })),
  ...NO_GREETINGS.map((line) => ({
    name: `greeting ${JSON.stringify(line)}, and the end`,
    exchanges: greetedOnly(line),
  })),
  ...(["LIST", "UIDL"] as const).flatMap((command) =>
    Object.entries(LISTINGS).map(([name, lines]) => ({
      name: `${command}: ${name}`,
      exchanges: one(command, `+OK\r\n${lines}.\r\n`),
    })),
  ),
  ...Object.entries(SESSIONS).map(([name, exchanges]) => ({ name, exchanges })),
  ...PACKETS.map((packet) => ({
    name: `a message in packets of ${packet} octets`,
    exchanges: one("RETR", CUT),
    packet,
  })),
];
