// The maildrop of one user at a simulated server: what it lists, and what it has and does not list yet.
import type { Maildrop } from "../../src/testing/maildrop.ts";
import type { Mail } from "./mail.ts";

export class Box {
  readonly #drop: Maildrop;
  readonly #most: number;
  readonly #waiting: Mail[] = [];
  #listed: readonly Mail[] = [];

  /** `most`: how many messages are listed at a time. */
  constructor(drop: Maildrop, most: number) {
    this.#drop = drop;
    this.#most = most;
  }

  /** What a session that begins now lists, in order. */
  get listed(): readonly Mail[] {
    return this.#listed;
  }

  /** All that the server has. */
  get all(): readonly Mail[] {
    return [...this.#listed, ...this.#waiting];
  }

  add(mail: Mail): void {
    if (this.#listed.length >= this.#most) this.#waiting.push(mail);
    else this.#list([...this.#listed, mail]);
  }

  remove(mails: ReadonlySet<Mail>): void {
    const left = this.#listed.filter((mail) => !mails.has(mail));
    while (left.length < this.#most && this.#waiting.length > 0) left.push(this.#waiting.shift() as Mail);
    this.#list(left);
  }

  /** The messages have got other unique-ids. */
  renumbered(): void {
    this.#list(this.#listed);
  }

  /** Sessions keep the messages that they have: these are new objects. */
  #list(mails: readonly Mail[]): void {
    this.#listed = mails;
    for (const { uid } of this.#drop.messages) this.#drop.remove(uid);
    for (const { octets, uid } of mails) this.#drop.add(octets, uid);
  }
}
