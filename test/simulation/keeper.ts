// What a destination of a simulated world has: what a mail reader finds there, and what no crash takes away.
import { fileName } from "../../src/fetch/ledger/file-name.ts";
import type { Disk } from "../crash/disk.ts";
import { Directory, File, type Node } from "../crash/nodes.ts";
import { PLACES, type Place } from "../crash/places.ts";
import type { Computer } from "./computer.ts";
import type { Mail } from "./mail.ts";

export interface Keeper {
  /** The messages that a mail reader finds, in the form in which they are kept. */
  messages(): string[];
  /** The form in which a message is kept. */
  form(text: string): string;
  /** Whether it has a message, whatever happens to the power. */
  isDurable(mail: Mail): boolean;
  /** What is there and is not a message. */
  others(): string[];
  /** Whether a crash may leave what is not a message, until the next process removes it. */
  readonly isRepaired: boolean;
}

/** Files on the simulated disk. */
export class FileKeeper implements Keeper {
  readonly #computer: Computer;
  readonly #place: Place;
  readonly isRepaired: boolean;

  constructor(computer: Computer, place: string) {
    this.#computer = computer;
    this.#place = PLACES.find(({ name }) => name === place) as Place;
    this.isRepaired = place === "mbox";
  }

  messages(): string[] {
    try {
      return this.#place.messages(this.#computer.disk);
    } catch (error) {
      if (this.isRepaired) return [];
      throw error;
    }
  }

  form(text: string): string {
    return this.#place.form(text);
  }

  others(): string[] {
    return this.#place.others(this.#computer.disk);
  }

  isDurable({ content, keys }: Mail): boolean {
    if (content === undefined) return false;
    const { disk } = this.#computer;
    if (this.isRepaired) {
      const file = durableNode(disk, ["mail", "inbox"]);
      return file instanceof File && file.durable.toString("latin1").includes(this.form(content));
    }
    const mail = durableNode(disk, ["mail"]);
    if (!(mail instanceof Directory)) return false;
    const folders = [mail, ...["new", "cur"].map((name) => lasting(mail, name))];
    return folders.some(
      (folder) =>
        folder instanceof Directory &&
        [...folder.durable.keys()].some((name) => {
          if (name.startsWith(".") || !keys.some((key) => name.includes(key))) return false;
          const file = lasting(folder, name);
          return (
            file instanceof File && file.pending.length === 0 && file.durable.toString("latin1") === content
          );
        }),
    );
  }
}

/** The process that has the lease of a mailbox; `undefined`: none. */
export function holderOf(disk: Disk, mailbox: string): number | undefined {
  const lock = disk.find(`/state/${fileName(mailbox)}.lock`);
  const pid = lock instanceof File ? /"pid":(\d+),/.exec(lock.content.toString("latin1"))?.[1] : undefined;
  return pid === undefined ? undefined : Number(pid);
}

/** What the journals of the ledger have, whatever happens to the power. `mailbox`: only that of this mailbox. */
export function journalsOf(disk: Disk, mailbox?: string): string[] {
  const state = durableNode(disk, ["state"]);
  if (!(state instanceof Directory)) return [];
  const ending = `${mailbox === undefined ? "" : fileName(mailbox)}.journal`;
  const names = [...state.durable.keys()].filter((name) => name.endsWith(ending));
  return names.flatMap((name) => {
    const journal = lasting(state, name);
    return journal instanceof File ? [journal.durable.toString("latin1")] : [];
  });
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
