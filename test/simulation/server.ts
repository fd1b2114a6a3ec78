// A simulated POP3 server: the session of the server for tests, with the faults that real servers have.
import type { Duplex } from "node:stream";
import { blockPieces } from "../../src/protocol/dot-encoder.ts";
import { Accounts } from "../../src/testing/accounts.ts";
import { err, type Answer } from "../../src/testing/answer.ts";
import type { ClientLine } from "../../src/testing/client-line.ts";
import { offerOf } from "../../src/testing/offer.ts";
import { Session } from "../../src/testing/session.ts";
import type { Computer } from "./computer.ts";
import { Link, type ServerEnd } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";

/** What a server does wrong all the time, and what it limits. */
export interface Character {
  readonly loginDelay: number;
  readonly pipelining: boolean;
  /** `"drops"`: forgets commands that came together with others. `"mixes"`: writes their replies into a message. */
  readonly broken: "drops" | "mixes" | undefined;
  readonly top: boolean;
  /** Whether an open session locks the maildrop. */
  readonly locks: boolean;
  /** Whether QUIT hides messages that were retrieved, as Gmail does. */
  readonly hides: boolean;
  /** By how much LIST is wrong about sizes; octets. */
  readonly wrongSizes: number;
}

/** Who wants to know what happens at the server. */
export interface Witness {
  /** A command of a client has arrived. */
  said(verb: string, uid: string | undefined): void;
  /** Messages are deleted, or hidden from now on. */
  removed(uids: readonly string[], how: string): void;
}

export const USER = "ann";
export const SECRET = "correct-horse-battery-staple";
export const HOST = "pop.simulated.test";

/** A session without a word from its client ends after this time; milliseconds (RFC 1939 section 3). */
const AUTOLOGOUT = 600_000;

export class SimulatedServer {
  readonly #computer: Computer;
  readonly #character: Character;
  readonly #witness: Witness;
  readonly #accounts: Accounts;
  readonly #sessions: Set<ServerSession> = new Set();
  /** Messages that the server has, and does not list any more. */
  readonly hidden: Set<string> = new Set();
  #downUntil = 0;

  constructor(computer: Computer, character: Character, witness: Witness) {
    this.#computer = computer;
    this.#character = character;
    this.#witness = witness;
    this.#accounts = new Accounts({ [USER]: { pass: SECRET } }, character.locks);
  }

  get #maildrop(): NonNullable<ReturnType<Accounts["find"]>>["maildrop"] {
    const account = this.#accounts.find(USER);
    if (account === undefined) throw new Error("the account is missing");
    return account.maildrop;
  }

  get uids(): string[] {
    return this.#maildrop.messages.map(({ uid }) => uid);
  }

  add(uid: string, text: string): void {
    this.#maildrop.add(Buffer.from(text, "latin1"), uid);
  }

  /** Removes messages for good. */
  remove(uids: readonly string[], how: string): void {
    if (uids.length === 0) return;
    this.#computer.tell("server", `${how} ${uids.join(" ")}`);
    this.#witness.removed(uids, how);
    for (const uid of uids) this.#maildrop.remove(uid);
  }

  hide(uids: readonly string[]): void {
    const listed = uids.filter((uid) => this.uids.includes(uid));
    for (const uid of listed) this.hidden.add(uid);
    this.remove(listed, "hides");
  }

  /** Accepts a connection, or refuses it. */
  connect(process: SimulatedProcess): Promise<Duplex> {
    const computer = this.#computer;
    const { schedule, chance, faults } = computer;
    const isDown = schedule.now < this.#downUntil || faults.strikes("no connection", "connect");
    process.step = "connect";
    return new Promise((resolve, reject) => {
      schedule.after(chance.between(1, 200), () => {
        computer.passed(process, "connect");
        if (isDown) {
          const error = Object.assign(new Error(`connect ECONNREFUSED ${HOST}`), { code: "ECONNREFUSED" });
          process.enter(() => reject(error));
          return;
        }
        const link = new Link(computer, process);
        const session = new ServerSession(this, this.#parts(link, process));
        this.#sessions.add(session);
        link.server = session;
        process.enter(() => resolve(link.socket));
        session.greet();
      });
    });
  }

  /** All connections are reset, and for a while there are no others. */
  restart(): void {
    const { schedule, chance } = this.#computer;
    this.#computer.tell("server", "restarts");
    this.#downUntil = schedule.now + chance.between(10, 60_000);
    for (const session of this.#sessions) session.reset();
  }

  #parts(link: Link, process: SimulatedProcess): Parts {
    const character = this.#character;
    const offer = offerOf({
      stls: false,
      pipelining: character.pipelining,
      top: character.top,
      loginDelay: character.loginDelay,
      sasl: ["PLAIN"],
      now: () => this.#computer.schedule.now,
    });
    return {
      ...{ link, process, character, computer: this.#computer, witness: this.#witness },
      session: new Session(offer, this.#accounts, undefined),
      over: (session) => this.#sessions.delete(session),
    };
  }
}

interface Parts {
  readonly link: Link;
  readonly process: SimulatedProcess;
  readonly character: Character;
  readonly computer: Computer;
  readonly witness: Witness;
  readonly session: Session;
  readonly over: (session: ServerSession) => void;
}

class ServerSession implements ServerEnd {
  readonly #server: SimulatedServer;
  readonly #parts: Parts;
  /** The messages as they were at the login. */
  #uids: readonly string[] = [];
  readonly #marked: Set<string> = new Set();
  readonly #retrieved: Set<string> = new Set();
  /** A message that waits for the reply to the next command, to be mixed with it. */
  #held: { readonly start: Buffer; readonly end: Buffer } | undefined;
  #isOver = false;
  #idle = 0;

  constructor(server: SimulatedServer, parts: Parts) {
    this.#server = server;
    this.#parts = parts;
  }

  greet(): void {
    this.#say(`${this.#parts.session.greeting().line}\r\n`);
    this.#watch();
  }

  receive(octets: Buffer): void {
    if (this.#isOver) return;
    this.#idle++;
    const { session, character } = this.#parts;
    session.receive(octets);
    const lines: ClientLine[] = [];
    // A line is read when the one before was answered.
    for (let line = session.next(); line !== undefined && !this.#hasEnded(); line = session.next()) {
      lines.push(line);
      if (character.broken === "drops" && lines.length > 1) continue;
      this.#answer(line);
    }
    if (!this.#hasEnded()) this.#sendHeld();
    if (!this.#hasEnded()) this.#watch();
  }

  gone(): void {
    if (!this.#isOver) this.#end("the client is gone");
  }

  reset(): void {
    this.#parts.link.reset();
    this.#end("reset");
  }

  #hasEnded(): boolean {
    return this.#isOver;
  }

  #watch(): void {
    const { computer } = this.#parts;
    const idle = this.#idle;
    computer.schedule.after(AUTOLOGOUT, () => {
      if (this.#isOver || idle !== this.#idle) return;
      this.#parts.link.end();
      this.#end("autologout");
    });
  }

  #answer(line: ClientLine): void {
    const { computer, process, witness, session, link, character } = this.#parts;
    const { faults } = computer;
    const { verb, text } = line;
    const uid = this.#uids[Number(text.split(" ", 1)[0]) - 1];
    link.step = verb;
    computer.tell(process.name, `C: ${line.printable}`);
    witness.said(verb, uid);
    computer.passed(process, verb);
    if (faults.strikes("server restarts", verb)) {
      this.#server.restart();
      return;
    }
    if (verb === "QUIT") {
      this.#quit();
      return;
    }
    const isLogin = verb === "PASS" || verb === "AUTH";
    if (isLogin && faults.strikes("refused for now", verb)) {
      this.#send(err("[SYS/TEMP] try again later"));
      return;
    }
    if (isLogin && faults.strikes("login delay", verb)) {
      this.#send(err("[LOGIN-DELAY] too early"));
      return;
    }
    if (verb === "RETR" && faults.strikes("retr refused", verb)) {
      this.#send(err("[SYS/TEMP] the message is not available now"));
      return;
    }
    const answer = this.#distorted(verb, session.answer(line));
    if (isLogin && answer.line.startsWith("+OK")) this.#uids = this.#server.uids;
    if (answer.line.startsWith("+OK") && uid !== undefined) {
      if (verb === "DELE") this.#marked.add(uid);
      if (verb === "RETR") this.#retrieved.add(uid);
    }
    if (verb === "RSET") this.#marked.clear();
    this.#send(answer, character.broken === "mixes" && verb === "RETR");
    if (answer.then === "close") this.#end("closes");
  }

  #quit(): void {
    const { computer, character, link } = this.#parts;
    const { faults } = computer;
    const marked = [...this.#marked];
    const carryOut = (uids: readonly string[]): void => {
      this.#server.remove(uids, "deletes");
      if (character.hides) this.#server.hide([...this.#retrieved]);
    };
    const kind =
      marked.length === 0
        ? undefined
        : (["quit without effect", "quit reply lost", "quit refused", "quit in part"] as const).find((each) =>
            faults.strikes(each, "QUIT"),
          );
    switch (kind) {
      case undefined:
        carryOut(marked);
        this.#say("+OK bye\r\n");
        break;
      case "quit reply lost":
        carryOut(marked);
        break;
      case "quit without effect":
        break;
      case "quit refused":
        this.#say("-ERR some messages were not deleted\r\n");
        break;
      case "quit in part":
        carryOut(marked.slice(0, computer.chance.below(marked.length)));
        this.#say("-ERR some messages were not deleted\r\n");
        break;
    }
    link.end();
    this.#end("QUIT");
  }

  #distorted(verb: string, answer: Answer): Answer {
    const { wrongSizes } = this.#parts.character;
    if (verb !== "LIST" || wrongSizes === 0 || answer.block === undefined) return answer;
    const text = answer.block
      .toString("latin1")
      .replace(
        /^(\d+) (\d+)/gm,
        (_, number: string, size: string) => `${number} ${String(Math.max(1, Number(size) + wrongSizes))}`,
      );
    return { ...answer, block: Buffer.from(text, "latin1") };
  }

  #send({ line, block }: Answer, isMixed = false): void {
    this.#parts.computer.tell("server", `S: ${line}`);
    const status = Buffer.from(`${line}\r\n`, "latin1");
    const pieces = block === undefined ? Buffer.alloc(0) : Buffer.concat([...blockPieces(block)]);
    const before = this.#held;
    this.#held = undefined;
    // The reply to this command comes in the middle of the message before.
    const octets =
      before === undefined
        ? Buffer.concat([status, pieces])
        : Buffer.concat([before.start, status, before.end, pieces]);
    const at = pieces.indexOf("\r\n", Math.floor(pieces.length / 2)) + 2;
    if (isMixed && before === undefined && at >= 2 && at < pieces.length)
      this.#held = { start: Buffer.concat([status, pieces.subarray(0, at)]), end: pieces.subarray(at) };
    else this.#say(octets);
  }

  /** Sends what waits for the reply to the next command, if no command follows. */
  #sendHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#say(Buffer.concat([held.start, held.end]));
  }

  #say(octets: string | Buffer): void {
    this.#parts.link.toClient(Buffer.from(octets as string, "latin1"));
  }

  #end(why: string): void {
    this.#isOver = true;
    this.#parts.computer.tell("server", `ends the session of ${this.#parts.process.name}: ${why}`);
    this.#parts.session.end();
    this.#parts.over(this);
  }
}
