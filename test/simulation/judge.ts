// Watches a simulated world, and notes when a promise of popwright is broken.
import type { FetchEvent, FetchPolicy } from "../../src/fetch/index.ts";
import type { Bounds } from "./bounds.ts";
import type { Computer } from "./computer.ts";
import { FirstRun } from "./first-run.ts";
import { holderOf, journalsOf, type Keeper } from "./keeper.ts";
import type { Mail } from "./mail.ts";
import { Politeness, type Caps } from "./politeness.ts";
import type { SimulatedProcess } from "./process.ts";
import type { SimulatedMailbox } from "./scenario.ts";
import { SECRET, type Witness } from "./server.ts";
import { Violation, type Promised } from "./violation.ts";

/** The commands that a process must not send once it has lost its lease. */
const EXCLUSIVE: ReadonlySet<string> = new Set(["RETR", "TOP", "DELE", "QUIT"]);

/** So many known messages whose unique-ids have changed together are recognised. */
const EVIDENCE = 3;

export class Judge implements Witness {
  readonly #computer: Computer;
  readonly #keeper: Keeper;
  readonly #secrets: readonly string[];
  readonly #uidsChanged: FetchPolicy["uidsChanged"];
  /** Whether all messages stay at the server. */
  readonly #keepsMail: boolean;
  readonly #bounds: Bounds;
  readonly #mailboxes: readonly SimulatedMailbox[];
  /** By the name of the mailbox. */
  readonly #firstRuns: ReadonlyMap<string, FirstRun>;
  /** All messages that ever came to a server. */
  readonly mails: Mail[] = [];
  readonly politeness: Politeness;
  /** The processes that have lost the lease of a mailbox and not noticed, with the names of these mailboxes. */
  readonly lost: Map<SimulatedProcess, Set<string>> = new Map();
  /** The first promise that was broken. */
  violation: Violation | undefined;

  constructor(computer: Computer, keeper: Keeper, { mailboxes, policy, keepsMail, caps, bounds }: Facts) {
    this.politeness = new Politeness(computer, caps, (violation) => this.broken(violation));
    this.#computer = computer;
    this.#keeper = keeper;
    this.#uidsChanged = policy.uidsChanged;
    this.#keepsMail = keepsMail;
    this.#bounds = bounds;
    this.#mailboxes = mailboxes;
    this.#firstRuns = new Map(
      mailboxes.map(({ name }) => [
        name,
        new FirstRun(policy.firstRun, () =>
          journalsOf(computer.disk, name).some((text) => text.includes('"lastRun":')),
        ),
      ]),
    );
    this.#secrets = [
      ...[SECRET, Buffer.from(SECRET).toString("base64")],
      ...mailboxes.map(({ user }) => Buffer.from(`\0${user}\0${SECRET}`).toString("base64")),
    ];
  }

  /** Notes that a promise was broken. The first one counts. */
  broken(violation: Violation): void {
    if (this.violation !== undefined) return;
    this.violation = violation;
    this.#computer.tell("judge", violation.message);
  }

  #note(promised: Promised, what: string): void {
    this.broken(new Violation(promised, what));
  }

  loggedIn(host: string, user: string, mails: readonly Mail[]): void {
    const mailbox = this.#mailboxes.find((each) => each.host === host && each.user === user);
    this.#firstRuns.get(mailbox?.name ?? "")?.lists(mails);
  }

  said(verb: string, mail: Mail | undefined): void {
    if (verb === "DELE" && mail?.isLeftOut === true)
      this.#note("what the first run leaves out is never fetched and never deleted", `DELE of ${mail.uid}`);
    // What is too large may be deleted although it was never delivered.
    if (verb !== "DELE" || mail?.content === undefined) return;
    if (!this.#isInLedger(mail)) this.#note("DELE is sent only for what the ledger keeps", mail.uid);
    if (!this.#keeper.isDurable(mail))
      this.#note("nothing is deleted that was not durable before", `DELE of ${mail.uid}`);
  }

  /** A process has lost the lease of a mailbox, and does not know it. */
  loses(process: SimulatedProcess, mailbox: string): void {
    this.lost.set(process, (this.lost.get(process) ?? new Set()).add(mailbox));
  }

  /** A process calls `fetchMail` or `fetchAll`. */
  calls(process: SimulatedProcess): void {
    this.lost.delete(process);
    this.politeness.calls(process);
  }

  /** An event of `fetchAll`. */
  heard(process: SimulatedProcess, event: FetchEvent): void {
    this.politeness.heard(process, event);
    // The next run asks for the lease again.
    if (event.type === "end" || event.type === "failed") this.lost.get(process)?.delete(event.mailbox);
  }

  /** A process sends a command about a mailbox. It has not arrived yet. */
  sends(process: SimulatedProcess, verb: string, mailbox: string): void {
    if (EXCLUSIVE.has(verb)) this.begins(process, `sends ${verb}`, mailbox);
    if (verb === "RETR" && this.#firstRuns.get(mailbox)?.isOver() === false)
      this.#note("the first run is noted before mail is retrieved", `${process.name} sends RETR`);
  }

  /** A process begins something that only the holder of the lease may do. */
  begins(process: SimulatedProcess, what: string, mailbox: string): void {
    const lost = this.lost.get(process);
    if (lost?.has(mailbox) !== true) return;
    // It has it again.
    if (holderOf(this.#computer.disk, mailbox) === process.pid) lost.delete(mailbox);
    else this.#note("after a lost lease a run starts nothing", `${process.name}: ${what}`);
  }

  removed(mails: readonly Mail[], how: "deletes" | "hides"): void {
    for (const mail of mails) {
      if (mail.content !== undefined && !this.#keeper.isDurable(mail))
        this.#note("nothing is deleted that was not durable before", `the server ${how} ${mail.uid}`);
      mail.sees(this.#computer.wallTime());
      // Programs count whole milliseconds.
      if (how === "deletes" && mail.latest - mail.earliest + 1 < mail.deletedAfter)
        this.#note("the server has what the policy leaves there", `${mail.uid} is deleted too early`);
    }
  }

  renumbers(mails: readonly Mail[]): boolean {
    const known = new Set(mails.filter((mail) => this.#isInLedger(mail)));
    const leftOut = mails.filter((mail) => mail.isLeftOut);
    const isEvident = known.size + leftOut.length >= EVIDENCE;
    // Without evidence that these are the same messages, they are fetched again.
    if (!isEvident && (this.#uidsChanged === "stop" || leftOut.length > 0)) return false;
    if (this.#uidsChanged === "new") for (const mail of leftOut) mail.isLeftOut = false;
    const isRecognised = this.#keepsMail && this.#uidsChanged !== "new" && isEvident;
    for (const mail of mails) if (!isRecognised || !known.has(mail)) mail.copies++;
    return true;
  }

  /** The destination was slow at a step of a delivery, and in this time the run has read this much; octets. */
  hasWaited(step: string, read: number): void {
    // While a message is committed, the next ones of its group arrive.
    const most = step === "commit" ? this.#bounds.commit : this.#bounds.busy;
    if (read > most)
      this.#note("memory stays within its bounds", `${step}: ${read} octets were read, and not ${most}`);
  }

  clockSet(): void {
    for (const mail of this.mails) mail.sees(this.#computer.wallTime());
  }

  shown(line: string): void {
    if (this.#secrets.some((secret) => line.includes(secret))) this.#note("no secret is shown", line);
  }

  /** Checks what a mail reader finds at any moment. */
  checkVisible(): void {
    const known = this.#wanted();
    const found = new Map<string, number>();
    for (const text of this.#keeper.messages()) found.set(text, (found.get(text) ?? 0) + 1);
    for (const [text, count] of found) {
      const mail = known.get(text);
      const leftOut = this.mails.find((each) => each.isLeftOut && this.#keeper.form(each.text) === text);
      if (leftOut !== undefined)
        this.#note("what the first run leaves out is never fetched and never deleted", leftOut.uid);
      // A crash may leave the beginning of a message at the end of an mbox, until the next process removes it.
      if (mail === undefined && !this.#keeper.isRepaired)
        this.#note("a message under its name is complete", JSON.stringify(text.slice(0, 80)));
      if (mail !== undefined && count > mail.copies)
        this.#note("each message is there once, byte for byte", `${count} times ${text.slice(0, 60)}`);
    }
  }

  /** Returns the messages that the destination does not have yet. */
  missing(): string[] {
    for (const firstRun of this.#firstRuns.values()) firstRun.isOver();
    const found = new Set(this.#keeper.messages());
    return [...this.#wanted()].filter(([text]) => !found.has(text)).map(([, { uid }]) => uid);
  }

  /** What the destination is to have, in the form in which it is kept. */
  #wanted(): Map<string, Mail> {
    const wanted = new Map<string, Mail>();
    for (const mail of this.mails)
      if (mail.content !== undefined) wanted.set(this.#keeper.form(mail.content), mail);
    return wanted;
  }

  /** Checks what is there when everything has been delivered. */
  checkEnd(): void {
    const wanted = this.#wanted();
    const found = this.#keeper.messages();
    const others = found.filter((text) => !wanted.has(text));
    if (others.length > 0 || this.missing().length > 0)
      this.#note(
        "each message is there once, byte for byte",
        `${wanted.size} messages were sent, ${found.length} are there`,
      );
    this.checkVisible();
  }

  /** Checks that no temporary file is left after a day and a half. */
  checkLeftOver(): void {
    const files = this.#computer.disk.files("/state");
    const over = files.filter((path) => /\.lock$|\.tmp$/.test(path) && !isSweptLater(path));
    const left = [...this.#keeper.others(), ...over];
    if (left.length > 0) this.#note("nothing is left over", left.join(" "));
  }

  #isInLedger({ ids }: Mail): boolean {
    return journalsOf(this.#computer.disk).some((text) =>
      ids.some((id) =>
        ["delivered", "deleted"].some((status) => text.includes(`{"id":${id},"status":"${status}"`)),
      ),
    );
  }
}

/** What the judge knows about a world. */
interface Facts {
  readonly mailboxes: readonly SimulatedMailbox[];
  readonly policy: FetchPolicy;
  readonly keepsMail: boolean;
  readonly caps: Caps;
  readonly bounds: Bounds;
}

/** A loss of power may bring back what only the next take-over of the lock removes. */
function isSweptLater(path: string): boolean {
  return /\.(journal|state|lock(\.[0-9a-f]{16})*)\.[0-9a-f]{16}(\.tmp)?$/.test(path);
}
