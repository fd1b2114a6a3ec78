// The script of a correct server with a small maildrop, of which single answers are replaced.
import type { Script } from "./scripted-server.ts";
import type { Peer } from "./peer.ts";

/** What is sent as the answer, or what is done in place of it. A string that it returns is sent. STLS has to begin TLS itself. */
export type Answer = string | Buffer | ((peer: Peer, line: string) => Promise<Sent> | Sent);
type Sent = string | Buffer | undefined;

/** By the command line (`RETR 3`) or its first word; `greeting` for what comes first. */
export type Answers = Readonly<Record<string, Answer>>;

export interface MaildropOptions {
  /** How many messages there are. @default 10 */
  readonly count?: number;
  /** Whether PIPELINING is listed. @default true */
  readonly pipelining?: boolean;
}

/** The octets of message `n`: no two messages have the same. */
export function messageOf(n: number): string {
  return `Subject: message ${String(n)}\r\n\r\nThis is message ${String(n)}.\r\n`;
}

export function uidOf(n: number): string {
  return `uid-${String(n)}`;
}

/** The whole response to RETR. */
export function retrAnswer(n: number): string {
  return `+OK message ${String(n)} follows\r\n${messageOf(n)}.\r\n`;
}

/** CAPA of an honest server. */
export function capaAnswer(...capabilities: string[]): string {
  return `+OK\r\n${capabilities.map((line) => `${line}\r\n`).join("")}.\r\n`;
}

export function maildropScript(answers: Answers = {}, options: MaildropOptions = {}): Script {
  return async (peer) => {
    await answer(peer, "", answers["greeting"] ?? "+OK ready\r\n");
    for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
      const verb = (line.split(" ", 1)[0] ?? "").toUpperCase();
      await answer(peer, line, answers[line] ?? answers[verb] ?? honestAnswer(line, options));
      if (verb === "STLS" && answers["STLS"] === undefined && !peer.over) await peer.startTls();
      if (verb === "QUIT") peer.end();
    }
    peer.end();
  };
}

const NUMBERED = new Set(["LIST", "UIDL", "RETR", "DELE", "TOP"]);

async function answer(peer: Peer, line: string, given: Answer): Promise<void> {
  const sent = typeof given === "function" ? await given(peer, line) : given;
  // Not awaited: a client that takes nothing does not keep us from reading its next command.
  if (sent !== undefined) void peer.send(sent);
}

/** What an honest server answers to a command line, or to none: its greeting. */
export function honestAnswer(line: string, { count = 10, pipelining = true }: MaildropOptions = {}): string {
  const [verb = "", argument] = line.split(" ");
  const n = Number(argument);
  const numbers = (): number[] => Array.from({ length: count }, (_, index) => index + 1);
  if (argument !== undefined && NUMBERED.has(verb) && !(n <= count)) {
    return "-ERR no such message\r\n";
  }
  switch (verb) {
    case "CAPA":
      return capaAnswer("UIDL", "TOP", "STLS", "SASL PLAIN LOGIN", ...(pipelining ? ["PIPELINING"] : []));
    case "STAT":
      return `+OK ${String(count)} ${String(numbers().reduce((sum, each) => sum + messageOf(each).length, 0))}\r\n`;
    case "LIST":
      if (argument !== undefined) return `+OK ${argument} ${String(messageOf(n).length)}\r\n`;
      return `+OK\r\n${numbers()
        .map((each) => `${String(each)} ${String(messageOf(each).length)}\r\n`)
        .join("")}.\r\n`;
    case "UIDL":
      if (argument !== undefined) return `+OK ${argument} ${uidOf(n)}\r\n`;
      return `+OK\r\n${numbers()
        .map((each) => `${String(each)} ${uidOf(each)}\r\n`)
        .join("")}.\r\n`;
    case "RETR":
      return retrAnswer(n);
    case "TOP":
      return `+OK\r\nSubject: message ${String(argument)}\r\n\r\n.\r\n`;
    case "ECHO":
      return `+OK ${line.slice(5)}\r\n`;
    default:
      return "+OK\r\n";
  }
}
