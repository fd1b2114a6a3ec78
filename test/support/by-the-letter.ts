// Reads sessions strictly by the letter of RFC 1939. It is a second opinion, and shares no code with the
// client.
import { hasBlock, listingText, type Exchange, type Outcome } from "./exchange.ts";

interface Reading {
  readonly outcome: Outcome;
  /** What follows the reply; `undefined` if the end of the reply cannot be known. */
  readonly rest: string | undefined;
}

/** Octets of a status line, CRLF included: no number of the RFC's, which says 512, but the client's. */
export const LONGEST_LINE = 8192;
const BROKEN: Reading = { outcome: null, rest: undefined };

/**
 * Returns the outcome of each exchange except the greeting and the login. An unexpected octet ends the
 * session.
 */
export function readSession(exchanges: readonly Exchange[]): Outcome[] {
  let over = false;
  return exchanges.flatMap((exchange) => {
    const { outcome, rest } = over ? BROKEN : readReply(exchange);
    over ||= rest !== "";
    // Whoever is not let in cannot ask for anything.
    const enters = exchange.command === "greeting" || exchange.command === "login";
    over ||= enters && outcome === null;
    return enters ? [] : [outcome];
  });
}

export function readReply(exchange: Exchange): Reading {
  const { command, reply } = exchange;
  const status = readStatus(reply);
  if (status === undefined) return BROKEN;
  const { text, rest } = status;
  if (text === undefined) return { outcome: null, rest };
  if (hasBlock(exchange)) return readBlock(exchange, rest);
  if (command === "login") return readReply({ command: "NOOP", reply: rest });
  if (command === "text") return { outcome: text, rest };
  return { outcome: command === "STAT" ? readStat(text) : "", rest };
}

/** `text` is `undefined` for `-ERR`. */
function readStatus(reply: string): { text: string | undefined; rest: string } | undefined {
  const [all = "", line = ""] = /^([^\n]*)\r\n/.exec(reply) ?? [];
  const [, word, text] = /^(\+OK|-ERR)(?: ([^\0]*))?$/.exec(line) ?? [];
  if (word === undefined || all.length > LONGEST_LINE) return undefined;
  return { text: word === "+OK" ? (text ?? "") : undefined, rest: reply.slice(all.length) };
}

/** The CRLF of the status line is that of `CRLF . CRLF`, too. */
function readBlock({ command, endsAtClose }: Exchange, rest: string): Reading {
  const end = `\r\n${rest}`.indexOf("\r\n.\r\n");
  if (end === -1 && endsAtClose !== true) return BROKEN;
  const stuffed = end === -1 ? rest : rest.slice(0, end);
  const block = `\r\n${stuffed}`.replaceAll("\r\n.", "\r\n").slice(2);
  const outcome = command === "RETR" ? block : readListing(command, block);
  return { outcome, rest: end === -1 ? "" : rest.slice(end + 3) };
}

/**
 * Reads a listing. Like every client, it accepts runs of spaces, and text after a size. A message without a
 * unique-id is accepted, too, and left out.
 */
function readListing(command: Exchange["command"], block: string): Outcome {
  const lines = block.split("\r\n");
  // After the last CRLF there is nothing.
  if (lines.pop() !== "") return null;
  const entries = new Map<number, string>();
  for (const line of lines) {
    const [, message, value] =
      (command === "LIST" ? /^(\d+) +(\d+)(?: [^]*)?$/ : /^(\d+)(?: +([!-~]{1,70}))? *$/).exec(line) ?? [];
    const number = exact(message);
    const entry = command === "LIST" ? exact(value)?.toString() : (value ?? "");
    if (number === undefined || number === 0 || entry === undefined || entries.has(number)) return null;
    entries.set(number, entry);
  }
  return listingText(new Map([...entries].filter(([, entry]) => entry !== "")));
}

function readStat(text: string): Outcome {
  const [, count, size] = (/^(\d+) +(\d+)(?: [^]*)?$/.exec(text) ?? []).map(exact);
  return count === undefined || size === undefined ? null : `${count} ${size}`;
}

/** A number that JavaScript holds exactly. */
function exact(digits: string | undefined): number | undefined {
  return digits !== undefined && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined;
}
