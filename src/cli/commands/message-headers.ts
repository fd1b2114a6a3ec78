// The header fields of a message that people look for: who sent it, when, and what it is about.
import { parseMessage, type MailAddress, type ParsedMessage } from "../../parse/index.ts";

export type Headers = Pick<ParsedMessage, "from" | "to" | "cc" | "date" | "subject">;

/** Headers that could not be read. */
export const NO_HEADERS: Headers = { from: [], to: [], cc: [] };

/** Parses the octets that `TOP n 0` returns. Rejects with `POP3_MESSAGE_TOO_LARGE`. */
export async function headersOf(octets: Buffer): Promise<Headers> {
  const { from, to, cc, date, subject } = await parseMessage(octets);
  return {
    from,
    to,
    cc,
    ...(date === undefined ? {} : { date }),
    ...(subject === undefined ? {} : { subject }),
  };
}

/** Formats an address: `Ann <ann@example.com>`. The members of a group follow its name. */
export function addressText({ name, address, group }: MailAddress): string {
  if (group !== undefined) return `${name}: ${group.map(addressText).join(", ")};`;
  if (name === "") return address;
  return address === "" ? name : `${name} <${address}>`;
}

/** The headers in JSON. What the message does not have is left out. */
export function jsonOf({ from, date, subject }: Headers): object {
  return {
    date: date?.toISOString(),
    from: from.length === 0 ? undefined : from.map(addressText).join(", "),
    subject,
  };
}
