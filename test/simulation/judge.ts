// Watches a simulated world, and throws when a promise of popwright is broken.
import { messageKey } from "../../src/fetch/index.ts";
import { Directory, File, type Node } from "../crash/nodes.ts";
import { MAILBOX, PLACES, type Place } from "../crash/places.ts";
import type { Disk } from "../crash/disk.ts";
import type { Computer } from "./computer.ts";
import type { SimulatedProcess } from "./process.ts";
import type { PlaceName } from "./program/main.ts";
import { SECRET, USER, type Witness } from "./server.ts";
import { Violation } from "./violation.ts";

const SECRETS: readonly string[] = [
  SECRET,
  Buffer.from(`\0${USER}\0${SECRET}`).toString("base64"),
  Buffer.from(SECRET).toString("base64"),
];

/** The commands that a process must not send once it has lost its lease. */
const EXCLUSIVE: ReadonlySet<string> = new Set(["RETR", "TOP", "DELE", "QUIT"]);

export class Judge implements Witness {
  readonly #computer: Computer;
  readonly #place: Place;
  readonly #isMbox: boolean;
  /** All messages that ever came to the server: unique-id → text. */
  readonly mail: Map<string, string> = new Map();
  /** The processes that have lost their lease and not noticed, with the time when they woke. */
  readonly lost: Set<SimulatedProcess> = new Set();
  /** The first promise that was broken. */
  violation: Violation | undefined;

  constructor(computer: Computer, place: PlaceName) {
    this.#computer = computer;
    this.#place = PLACES.find(({ name }) => name === place) as Place;
    this.#isMbox = place === "mbox";
  }

  /** Notes that a promise was broken. The first one counts. */
  broken(violation: Violation): void {
    if (this.violation !== undefined) return;
    this.violation = violation;
    this.#computer.tell("judge", violation.message);
  }

  said(verb: string, uid: string | undefined): void {
    if (verb !== "DELE" || uid === undefined) return;
    if (!this.#isInLedger(uid))
      this.broken(new Violation("DELE is sent only for what the ledger keeps", uid));
    if (!this.#isDurable(uid))
      this.broken(new Violation("nothing is deleted that was not durable before", `DELE of ${uid}`));
  }

  /** A process sends a command. It has not arrived yet. */
  sends(process: SimulatedProcess, verb: string): void {
    if (this.lost.has(process) && EXCLUSIVE.has(verb))
      this.broken(new Violation("after a lost lease a run starts nothing", `${process.name} sends ${verb}`));
  }

  /** A process begins a delivery, or changes the journal. */
  begins(process: SimulatedProcess, what: string): void {
    if (this.lost.has(process))
      this.broken(new Violation("after a lost lease a run starts nothing", `${process.name}: ${what}`));
  }

  removed(uids: readonly string[], how: string): void {
    for (const uid of uids)
      if (!this.#isDurable(uid))
        this.broken(
          new Violation("nothing is deleted that was not durable before", `the server ${how} ${uid}`),
        );
  }

  shown(line: string): void {
    if (SECRETS.some((secret) => line.includes(secret)))
      this.broken(new Violation("no secret is shown", line));
  }

  /** Checks what a mail reader finds at any moment. */
  checkVisible(): void {
    const found = new Map<string, number>();
    for (const text of this.#messages()) found.set(text, (found.get(text) ?? 0) + 1);
    const known = new Set([...this.mail.values()].map((text) => this.#place.form(text)));
    for (const [text, count] of found) {
      // A crash may leave the beginning of a message at the end of an mbox, until the next process removes it.
      if (!known.has(text) && !this.#isMbox)
        this.broken(new Violation("a message under its name is complete", JSON.stringify(text.slice(0, 80))));
      if (count > 1 && known.has(text))
        this.broken(
          new Violation("each message is there once, byte for byte", `${count} times ${text.slice(0, 60)}`),
        );
    }
  }

  /** What a mail reader finds. It may find no sense in an mbox after a crash, until the next process has repaired it. */
  #messages(): string[] {
    try {
      return this.#place.messages(this.#computer.disk);
    } catch (error) {
      if (this.#isMbox) return [];
      throw error;
    }
  }

  /** Returns the messages that the destination does not have yet. */
  missing(): string[] {
    const found = new Set(this.#messages());
    return [...this.mail].filter(([, text]) => !found.has(this.#place.form(text))).map(([uid]) => uid);
  }

  /** Checks what is there when everything has been delivered. */
  checkEnd(): void {
    const { disk } = this.#computer;
    const wanted = [...this.mail.values()].map((text) => this.#place.form(text)).sort();
    const found = this.#place.messages(disk).sort();
    if (JSON.stringify(wanted) !== JSON.stringify(found))
      this.broken(
        new Violation(
          "each message is there once, byte for byte",
          `${wanted.length} messages were sent, ${found.length} are there`,
        ),
      );
  }

  /** Checks that no temporary file is left after a day and a half. */
  checkLeftOver(): void {
    const { disk } = this.#computer;
    const over = disk.files("/state").filter((path) => /\.lock$|\.tmp$/.test(path) && !isSweptLater(path));
    const left = [...this.#place.others(disk), ...over];
    if (left.length > 0) this.broken(new Violation("nothing is left over", left.join(" ")));
  }

  /** Whether the destination keeps a message, whatever happens to the power. */
  #isDurable(uid: string): boolean {
    const text = this.mail.get(uid);
    if (text === undefined) return false;
    const { disk } = this.#computer;
    if (this.#isMbox) {
      const file = durableNode(disk, ["mail", "inbox"]);
      return file instanceof File && file.durable.toString("latin1").includes(this.#place.form(text));
    }
    const key = messageKey(MAILBOX, uid);
    const mail = durableNode(disk, ["mail"]);
    if (!(mail instanceof Directory)) return false;
    const folders = [mail, ...["new", "cur"].map((name) => lasting(mail, name))];
    return folders.some(
      (folder) =>
        folder instanceof Directory &&
        [...folder.durable.keys()].some((name) => {
          const file = name.startsWith(".") || !name.includes(key) ? undefined : lasting(folder, name);
          return (
            file instanceof File && file.pending.length === 0 && file.durable.toString("latin1") === text
          );
        }),
    );
  }

  #isInLedger(uid: string): boolean {
    const state = durableNode(this.#computer.disk, ["state"]);
    if (!(state instanceof Directory)) return false;
    const names = [...state.durable.keys()].filter((name) => name.endsWith(".journal"));
    return names.some((name) => {
      const journal = lasting(state, name);
      if (!(journal instanceof File)) return false;
      const text = journal.durable.toString("latin1");
      return ["delivered", "deleted"].some((status) => text.includes(`{"id":"${uid}","status":"${status}"`));
    });
  }
}

/** A loss of power may bring back what only the next take-over of the lock removes. */
function isSweptLater(path: string): boolean {
  return /\.(journal|lock(\.[0-9a-f]{16})*)\.[0-9a-f]{16}(\.tmp)?$/.test(path);
}

/** What a name means after any loss of power; `undefined` if that is open. */
function lasting(directory: Directory, name: string): Node | undefined {
  const node = directory.durable.get(name);
  const changes = directory.pending.flatMap(({ names }) => names.filter(([each]) => each === name));
  // A journal may be replaced by another one, which has all of it.
  return changes.some(([, to]) => to === undefined) ? undefined : node;
}

function durableNode(disk: Disk, path: readonly string[]): Node | undefined {
  let node: Node | undefined = disk.root;
  for (const name of path) node = node instanceof Directory ? lasting(node, name) : undefined;
  return node;
}
