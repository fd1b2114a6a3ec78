// A POP3 server without sockets, whose QUIT has each outcome that it may have. It tells what a client has said.
import type { Pop3ClientOptions } from "popwright";
import { blockPieces } from "../../src/protocol/dot-encoder.ts";
import { Accounts } from "../../src/testing/accounts.ts";
import { offerOf } from "../../src/testing/offer.ts";
import { Session } from "../../src/testing/session.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import type { Process, Machine } from "./machine.ts";

/** What becomes of QUIT. */
export type Quit =
  | "carried out"
  /** The connection ends without a reply. */
  | "carried out, reply lost"
  | "not carried out, reply lost"
  /** The reply is -ERR, and no message was deleted. */
  | "refused"
  /** The reply is -ERR, and the first of the messages was deleted. */
  | "refused in part";

export const QUITS: readonly Quit[] = [
  "carried out",
  "carried out, reply lost",
  "not carried out, reply lost",
  "refused",
  "refused in part",
];

export interface StoredMail {
  readonly uid: string;
  readonly text: string;
}

/** What a client has said: a verb, and the message that it is about. */
export interface Said {
  readonly verb: string;
  readonly uid: string | undefined;
  readonly process: Process;
}

let nextHost = 1;

export class MaildropServer {
  /** Called when the server has received a line, before it carries it out. */
  onLine: (said: Said) => void = () => undefined;
  /** Called when the outcome of QUIT is decided. */
  onQuit: () => void = () => undefined;
  readonly #machine: Machine;
  readonly #quit: Quit;
  readonly #accounts: Accounts;
  /** A host of its own: what a server does wrong is remembered of its host. */
  readonly #host: string = `pop-${String(nextHost++)}.test`;

  /** `lock: false`: several sessions may be open. */
  constructor(machine: Machine, mail: readonly StoredMail[], quit: Quit, lock = true) {
    this.#machine = machine;
    this.#quit = quit;
    const [messages, uids] = [mail.map(({ text }) => text), mail.map(({ uid }) => uid)];
    this.#accounts = new Accounts({ ann: { pass: "secret", messages, uids } }, lock);
  }

  /** The messages that the server has now. */
  get mail(): StoredMail[] {
    const messages = this.#accounts.find("ann")?.maildrop.messages ?? [];
    return messages.map(({ uid, octets }) => ({ uid, text: octets.toString("latin1") }));
  }

  get account(): Pop3ClientOptions {
    return {
      ...{ host: this.#host, secure: false, stls: "never" },
      auth: { user: "ann", pass: "secret", mechanism: "PLAIN" },
      socket: () => this.#connect(),
    };
  }

  #connect(): ReturnType<typeof duplexPair>[0] {
    const [theirs, ours] = duplexPair();
    const { process } = this.#machine;
    const session = new Session(offerOf({}), this.#accounts, undefined);
    const uids = this.mail.map(({ uid }) => uid);
    const marked: string[] = [];
    const say = (octets: string | Buffer): void =>
      this.#machine.whenRunning(process, () => {
        if (ours.writable) ours.write(octets, "latin1");
      });
    const end = (): void => {
      session.end();
      this.#machine.whenRunning(process, () => ours.end());
    };
    ours.on("error", () => undefined);
    ours.on("close", () => session.end());
    ours.on("data", (octets: Buffer) => {
      session.receive(octets);
      for (let line = session.next(); line !== undefined; line = session.next()) {
        const { verb, text } = line;
        const uid = uids[Number(text.split(" ", 1)[0]) - 1];
        this.onLine({ verb, uid, process });
        if (verb === "DELE" && uid !== undefined) marked.push(uid);
        if (verb === "QUIT" && this.#quit !== "carried out") {
          this.#end(session, marked, say, end);
          this.onQuit();
          return;
        }
        const { line: reply, block, then } = session.answer(line);
        if (verb === "QUIT") this.onQuit();
        say(`${reply}\r\n`);
        if (block !== undefined) say(Buffer.concat([...blockPieces(block)]));
        if (then === "close") end();
      }
    });
    say(`${session.greeting().line}\r\n`);
    return theirs;
  }

  /** A QUIT that does not end as it should. */
  #end(session: Session, marked: readonly string[], say: (octets: string) => void, end: () => void): void {
    session.end();
    const removed =
      { "carried out, reply lost": marked.length, "refused in part": 1 }[this.#quit as string] ?? 0;
    for (const uid of marked.slice(0, removed)) this.#accounts.find("ann")?.maildrop.remove(uid);
    if (this.#quit.startsWith("refused")) say("-ERR some messages were not deleted\r\n");
    end();
  }
}
