// A message of a simulated world: its text, its unique-ids, and what is to become of it.
import { createHash } from "node:crypto";
import { contentKey, messageKey, type FetchPolicy } from "../../src/fetch/index.ts";
import { blockSize } from "../../src/protocol/dot-encoder.ts";

const DAY = 24 * 60 * 60_000;

/** What the policy of the fetchers says about a message. */
export interface Fate {
  /** What the destination gets; `undefined`: nothing. */
  readonly content: string | undefined;
  /** How long after its arrival the server deletes it, at the earliest; milliseconds. `Infinity`: never. */
  readonly deletedAfter: number;
}

export class Mail implements Fate {
  /** The name of its mailbox. */
  readonly mailbox: string;
  readonly text: string;
  readonly octets: Buffer;
  /** The unique-ids that it has had. The last one is that of now. */
  readonly uids: string[];
  readonly #digest: string;
  readonly #fate: Fate;
  /** Whether the first run has left it out: then it is never fetched and never deleted. */
  isLeftOut = false;
  /** In how many copies the destination may have it: one for each key that it may have got. */
  copies = 1;
  /** The lowest and the highest time of the system clock since it came. */
  earliest: number;
  latest: number;

  constructor(mailbox: string, uid: string, text: string, { fate, now }: Arrival) {
    this.mailbox = mailbox;
    this.uids = [uid];
    this.text = text;
    this.octets = Buffer.from(text, "latin1");
    this.#fate = fate;
    this.#digest = createHash("sha256").update(this.octets).digest("hex");
    this.earliest = this.latest = now;
  }

  get content(): string | undefined {
    return this.isLeftOut ? undefined : this.#fate.content;
  }

  get deletedAfter(): number {
    return this.isLeftOut ? Infinity : this.#fate.deletedAfter;
  }

  get uid(): string {
    return this.uids.at(-1) as string;
  }

  /** The keys that it may have. */
  get keys(): string[] {
    return [...this.uids.map((uid) => messageKey(this.mailbox, uid)), contentKey(this.mailbox, this.#digest)];
  }

  /** Its names in the ledger, as JSON has them. */
  get ids(): string[] {
    return [...this.uids, `\0${this.#digest}`].map((id) => JSON.stringify(id));
  }

  /** The system clock shows another time. */
  sees(now: number): void {
    this.earliest = Math.min(this.earliest, now);
    this.latest = Math.max(this.latest, now);
  }
}

export interface Arrival {
  readonly fate: Fate;
  /** What the system clock shows. */
  readonly now: number;
}

/** Returns what the policy says about a message. `top`: whether the server has TOP. */
export function fateOf(
  { delete: deletes = "never", ...policy }: FetchPolicy,
  text: string,
  top: boolean,
): Fate {
  const { maxSize = Infinity, tooLarge = "skip" } = policy;
  const size = blockSize(Buffer.from(text, "latin1"));
  if (size > maxSize) {
    const headers = text.slice(0, text.indexOf("\r\n\r\n") + 4);
    return {
      content: tooLarge === "headers" && top ? headers : undefined,
      deletedAfter: tooLarge === "delete" ? 0 : Infinity,
    };
  }
  if (deletes === "never") return { content: text, deletedAfter: Infinity };
  if (deletes === "delivered") return { content: text, deletedAfter: 0 };
  if (typeof deletes === "string") throw new Error(`the simulation does not know the policy ${deletes}`);
  const { afterDays = Infinity, largerThan = Infinity } = deletes;
  return { content: text, deletedAfter: size > largerThan ? 0 : Number(afterDays) * DAY };
}
