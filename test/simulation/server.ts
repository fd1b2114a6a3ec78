// A simulated POP3 server: the session of the server for tests, with the faults that real servers have.
import type { Duplex } from "node:stream";
import { blockPieces } from "../../src/protocol/dot-encoder.ts";
import { Accounts } from "../../src/testing/accounts.ts";
import { err, type Answer } from "../../src/testing/answer.ts";
import type { ClientLine } from "../../src/testing/client-line.ts";
import { offerOf } from "../../src/testing/offer.ts";
import { Session } from "../../src/testing/session.ts";
import { Box } from "./box.ts";
import type { Computer } from "./computer.ts";
import type { Kind } from "./faults.ts";
import type { Mail } from "./mail.ts";
import { Link, type ServerEnd } from "./network.ts";
import type { Politeness } from "./politeness.ts";
import type { SimulatedProcess } from "./process.ts";

/** What a server does wrong all the time, and what it limits. */
export interface Character {
  readonly loginDelay: number;
  readonly pipelining: boolean;
  /**
   * With several commands at once: `"drops"` forgets all but the first, `"mixes"` writes their replies into a message,
   * `"closes"` ends the connection.
   */
  readonly broken: "drops" | "mixes" | "closes" | undefined;
  readonly top: boolean;
  /** Whether an open session locks the maildrop. */
  readonly locks: boolean;
  /** Whether QUIT hides messages that were retrieved, as Gmail does. */
  readonly hides: boolean;
  /** By how much LIST is wrong about sizes; octets. */
  readonly wrongSizes: number;
  /** Whether LIST is wrong about sizes, and in each session in another way. */
  readonly sizesVary?: boolean;
  /** How many messages are listed at a time. @default all */
  readonly listsAtMost?: number;
  /** Whether all unique-ids of a maildrop may change at once, and for how long; milliseconds. */
  readonly uidsChangeFor?: number | "good";
}

/** Who wants to know what happens at the server. */
export interface Witness {
  /** A session begins, and lists these messages. */
  loggedIn(host: string, user: string, mails: readonly Mail[]): void;
  /** A command of a client has arrived. */
  said(verb: string, mail: Mail | undefined): void;
  /** Messages are deleted, or hidden from now on. */
  removed(mails: readonly Mail[], how: "deletes" | "hides"): void;
  /** All unique-ids of a maildrop are about to change. Returns whether they may. */
  renumbers(mails: readonly Mail[]): boolean;
  /** Counts what processes do to servers. */
  readonly politeness: Politeness;
}

export const SECRET = "correct-horse-battery-staple";

/** What a server does to a login, and says then. */
const LOGIN_REFUSALS: readonly (readonly [kind: Kind, text: string])[] = [
  ["refused for now", "[SYS/TEMP] try again later"],
  ["login delay", "[LOGIN-DELAY] too early"],
  ["in use", "[IN-USE] another session has the maildrop"],
  ["login refused", "[AUTH] no such user, or not this password"],
];

/** The commands that a server may refuse for now. */
const REFUSALS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["RETR", "retr refused"],
  ["LIST", "listing refused"],
  ["UIDL", "listing refused"],
  ["DELE", "dele refused"],
]);

const NOTHING = Buffer.alloc(0);

/** A session without a word from its client ends after this time; milliseconds (RFC 1939 section 3). */
const AUTOLOGOUT = 600_000;

export class SimulatedServer {
  readonly host: string;
  readonly #computer: Computer;
  readonly #character: Character;
  readonly #witness: Witness;
  readonly #accounts: Accounts;
  readonly #boxes: Map<string, Box> = new Map();
  readonly #sessions: Set<ServerSession> = new Set();
  /** Until when connections are refused, after a restart and in an outage. */
  #downUntil = 0;
  #outageUntil = 0;

  constructor(
    computer: Computer,
    host: string,
    users: readonly string[],
    character: Character,
    witness: Witness,
  ) {
    this.#computer = computer;
    this.host = host;
    this.#character = character;
    this.#witness = witness;
    const accounts = Object.fromEntries(users.map((name) => [name, { pass: SECRET }]));
    this.#accounts = new Accounts(accounts, character.locks);
    for (const name of users) {
      const drop = this.#accounts.find(name)?.maildrop;
      if (drop !== undefined) this.#boxes.set(name, new Box(drop, character.listsAtMost ?? Infinity));
    }
  }

  /** The maildrop of a user. */
  box(user: string): Box {
    const box = this.#boxes.get(user);
    if (box === undefined) throw new Error(`no such user: ${user}`);
    return box;
  }

  /** All messages that it has. */
  get mails(): readonly Mail[] {
    return [...this.#boxes.values()].flatMap(({ all }) => all);
  }

  /** Messages are gone for good, or hidden. */
  remove(box: Box, mails: readonly Mail[], how: "deletes" | "hides"): void {
    const there = new Set(box.all);
    const gone = how === "hides" ? mails.filter((mail) => there.has(mail)) : mails;
    if (gone.length === 0) return;
    this.#computer.tell("server", `${how} ${gone.map(({ uid }) => uid).join(" ")}`);
    this.#witness.removed(gone, how);
    box.remove(new Set(gone));
  }

  /** Gives each message of a maildrop another unique-id: for a while, or for good. */
  renumber(box: Box): void {
    const mails = box.all;
    const { uidsChangeFor } = this.#character;
    if (mails.length === 0 || !this.#witness.renumbers(mails)) return;
    this.#computer.tell("server", `changes the unique-ids of ${mails.map(({ uid }) => uid).join(" ")}`);
    for (const { uids } of mails) uids.push(`${uids[0] as string}-${String(uids.length)}`);
    box.renumbered();
    if (typeof uidsChangeFor === "number")
      this.#computer.schedule.after(uidsChangeFor, () => this.restoreUids());
  }

  /** Gives all messages other unique-ids. */
  renumberAll(): void {
    for (const box of this.#boxes.values()) this.renumber(box);
  }

  /** All messages get their first unique-ids again, unless they have changed for good. */
  restoreUids(): void {
    if (typeof this.#character.uidsChangeFor !== "number") return;
    for (const box of this.#boxes.values()) {
      for (const { uids } of box.all) if (uids.length > 1) uids.push(uids[0] as string);
      box.renumbered();
    }
  }

  /** Accepts a connection of a user, or refuses it. */
  connect(process: SimulatedProcess, user: string): Promise<Duplex> {
    const computer = this.#computer;
    const { schedule, chance, faults } = computer;
    const { politeness } = this.#witness;
    const isOutage = schedule.now < this.#outageUntil;
    const isDown = schedule.now < this.#downUntil || isOutage || faults.strikes("no connection", "connect");
    if (isOutage) politeness.tries(process, this.host);
    process.step = "connect";
    return new Promise((resolve, reject) => {
      schedule.after(chance.between(1, 200), () => {
        computer.passed(process, "connect");
        if (isDown) {
          const error = Object.assign(new Error(`connect ECONNREFUSED ${this.host}`), {
            code: "ECONNREFUSED",
          });
          process.enter(() => reject(error));
          return;
        }
        const link = new Link(computer, process);
        const session = new ServerSession(this, this.#parts(link, process, user));
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

  /** All connections are reset, and for a long time there are no others. */
  fail(): void {
    const { schedule, chance } = this.#computer;
    const time = chance.between(60_000, 3 * 60 * 60_000);
    this.#computer.tell("server", `${this.host} is down`);
    this.#outageUntil = schedule.now + time;
    schedule.after(time, () => this.#witness.politeness.isBack(this.host));
    for (const session of this.#sessions) session.reset();
  }

  /** An outage is over. */
  recover(): void {
    this.#outageUntil = 0;
  }

  #parts(link: Link, process: SimulatedProcess, user: string): Parts {
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
      user,
      box: this.box(user),
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
  readonly user: string;
  readonly box: Box;
  readonly session: Session;
  readonly over: (session: ServerSession) => void;
}

class ServerSession implements ServerEnd {
  readonly #server: SimulatedServer;
  readonly #parts: Parts;
  /** The messages as they were at the login. */
  #mails: readonly Mail[] = [];
  readonly #marked: Set<Mail> = new Set();
  readonly #retrieved: Set<Mail> = new Set();
  /** By how much LIST is wrong in this session; octets. */
  readonly #wrongSizes: number;
  /** A message that waits for the reply to the next command, to be mixed with it. */
  #held: { readonly start: Buffer; readonly end: Buffer } | undefined;
  #isOver = false;
  #idle = 0;

  constructor(server: SimulatedServer, parts: Parts) {
    this.#server = server;
    this.#parts = parts;
    const { character, computer } = parts;
    this.#wrongSizes = character.sizesVary === true ? computer.chance.below(200) : character.wrongSizes;
  }

  greet(): void {
    const { computer, link, session } = this.#parts;
    if (computer.faults.strikes("greeting refused", "connect")) {
      this.#say("-ERR [SYS/TEMP] too many connections\r\n");
      link.end();
      this.#end("too many connections");
      return;
    }
    this.#say(`${session.greeting().line}\r\n`);
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
      if (character.broken === "closes" && lines.length > 1) {
        this.#parts.link.end();
        this.#end("several commands at once");
        break;
      }
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
    const mail = this.#mails[Number(text.split(" ", 1)[0]) - 1];
    link.step = verb;
    computer.tell(process.name, `C: ${line.printable}`);
    witness.said(verb, mail);
    computer.passed(process, verb);
    if (faults.strikes("server restarts", verb)) {
      this.#server.restart();
      return;
    }
    if (faults.strikes("host down", verb)) {
      this.#server.fail();
      return;
    }
    if (verb === "QUIT") {
      this.#quit();
      return;
    }
    const isLogin = verb === "PASS" || verb === "AUTH";
    if (isLogin) {
      const [, refusal] = LOGIN_REFUSALS.find(([kind]) => faults.strikes(kind, verb)) ?? [];
      if (refusal !== undefined) {
        this.#send(err(refusal));
        return;
      }
    }
    const refused = REFUSALS.get(verb);
    if (refused !== undefined && faults.strikes(refused, verb)) {
      this.#send(err("[SYS/TEMP] the message is not available now"));
      return;
    }
    const answer = this.#distorted(verb, session.answer(line));
    if (isLogin && answer.line.startsWith("+OK")) this.#loggedIn();
    if (answer.line.startsWith("+OK") && mail !== undefined) {
      if (verb === "DELE") this.#marked.add(mail);
      if (verb === "RETR") this.#retrieved.add(mail);
    }
    if (verb === "RSET") this.#marked.clear();
    this.#send(answer, character.broken === "mixes" && verb === "RETR");
    if (answer.then === "close") this.#end("closes");
  }

  #loggedIn(): void {
    const { computer, character, box, user, process, link, witness } = this.#parts;
    const { host } = this.#server;
    this.#mails = box.listed;
    witness.loggedIn(host, user, this.#mails);
    if (!link.isClosed) {
      witness.politeness.opens(process, host);
      link.onClosed = () => witness.politeness.closes(process, host);
    }
    // The sessions that follow see it.
    if (character.uidsChangeFor !== undefined && computer.faults.strikes("unique-ids change", "login"))
      this.#server.renumber(box);
  }

  #quit(): void {
    const { computer, character, link, box } = this.#parts;
    const { faults } = computer;
    const marked = [...this.#marked];
    const carryOut = (mails: readonly Mail[]): void => {
      this.#server.remove(box, mails, "deletes");
      if (character.hides) this.#server.remove(box, [...this.#retrieved], "hides");
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
    const wrongSizes = this.#wrongSizes;
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
    // Then the rest of the second message follows the next status line.
    if (isMixed && before !== undefined && block !== undefined && this.#parts.computer.chance.happens(0.5)) {
      this.#say(Buffer.concat([before.start, status, before.end]));
      this.#held = { start: NOTHING, end: pieces };
      return;
    }
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
