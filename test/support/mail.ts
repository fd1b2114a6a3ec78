// Mail and accounts for the tests of fetching.
import type { Pop3ClientOptions } from "popwright";
import { Pop3Server, type Fault, type Pop3ServerOptions } from "popwright/testing";
import type { FetchedMessage } from "../../src/fetch/index.ts";

/** A message of its own, with a line that has to be stuffed. */
export function mail(number: number, body = "."): string {
  return `Message-ID: <${String(number)}@mail.test>\r\nSubject: ${String(number)}\r\n\r\n${body}${String(number)}\r\n`;
}

export function mails(count: number): string[] {
  return Array.from({ length: count }, (_, index) => mail(index + 1));
}

export function serverWith(
  messages: readonly string[],
  options: Pop3ServerOptions & { readonly uids?: readonly string[]; readonly faults?: readonly Fault[] } = {},
): Promise<Pop3Server> {
  const { uids, ...rest } = options;
  const ann = { pass: "secret", messages, ...(uids === undefined ? {} : { uids }) };
  return Pop3Server.listen({ users: { ann }, ...rest });
}

export function accountOf(server: Pop3Server, user = "ann"): Pop3ClientOptions {
  return {
    ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never" },
    auth: { user, pass: "secret", mechanism: "PLAIN" },
  };
}

/** What of the commands that matter was said, in order. */
export function said(server: Pop3Server): string[] {
  return server.transcript.lines
    .filter((line) => /^C: (?:RETR|TOP|DELE|RSET|QUIT|NOOP)/.test(line))
    .map((line) => line.slice(3));
}

/** A destination that knows no keys, and everything that came. */
export class Inbox {
  readonly messages: FetchedMessage[] = [];
  readonly deliver = (message: FetchedMessage): void => void this.messages.push(message);

  get texts(): string[] {
    return this.messages.map(({ octets }) => octets.toString("latin1"));
  }
}
