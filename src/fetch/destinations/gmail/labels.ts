// The ids of labels, which are known by their names. Labels that do not exist are created, once.
import { untilAborted } from "../../../net/settle.ts";
import { printable } from "../../../protocol/printable.ts";
import { DestinationError } from "../destination-error.ts";
import type { GmailApi } from "./api.ts";

/** Labels whose id is their name. */
const SYSTEM =
  /^(?:INBOX|UNREAD|STARRED|IMPORTANT|SPAM|TRASH|SENT|CATEGORY_(?:PERSONAL|SOCIAL|PROMOTIONS|UPDATES|FORUMS))$/i;

export class Labels {
  readonly #api: GmailApi;
  readonly #names: readonly string[];
  #ids: Promise<readonly string[]> | undefined;

  constructor(api: GmailApi, names: readonly string[]) {
    this.#api = api;
    this.#names = names;
  }

  /** Returns the ids of all labels. Rejects with {@link DestinationError} if one cannot be found or created. */
  async ids(signal: AbortSignal | undefined): Promise<readonly string[]> {
    // Several messages may wait for it: none of them ends it for the others.
    this.#ids ??= this.#find(undefined);
    const ids = this.#ids;
    try {
      return await untilAborted(signal, () => ids);
    } catch (error) {
      if (this.#ids === ids && signal?.aborted !== true) this.forget();
      throw error;
    }
  }

  /** Looks the labels up again for the next message: one may have been removed. */
  forget(): void {
    this.#ids = undefined;
  }

  /** Returns the ids of labels that a user has made. */
  static own(ids: readonly string[]): readonly string[] {
    return ids.filter((id) => !SYSTEM.test(id));
  }

  /** Returns the names of labels that do not exist. Creates nothing. */
  async missing(signal: AbortSignal | undefined): Promise<readonly string[]> {
    const own = Labels.own(this.#names);
    const known = own.length === 0 ? undefined : await this.#list(signal);
    return known === undefined ? [] : own.filter((name) => idOf(name, known) === undefined);
  }

  async #find(signal: AbortSignal | undefined): Promise<readonly string[]> {
    const own = Labels.own(this.#names);
    const known = own.length === 0 ? [] : await this.#list(signal);
    const ids: string[] = [];
    for (const name of this.#names)
      ids.push(
        SYSTEM.test(name) ? name.toUpperCase() : (idOf(name, known) ?? (await this.#create(name, signal))),
      );
    return [...new Set(ids)];
  }

  async #list(signal: AbortSignal | undefined): Promise<readonly Label[]> {
    const reply = await this.#api.call({ method: "GET", url: this.#api.method("labels") }, signal);
    if (reply.status !== 200) throw this.#api.failure(reply, "account");
    const listed: unknown = reply.json["labels"];
    return Array.isArray(listed) ? listed.filter(isLabel) : [];
  }

  async #create(name: string, signal: AbortSignal | undefined): Promise<string> {
    const label = { name, labelListVisibility: "labelShow", messageListVisibility: "show" };
    const request = {
      method: "POST",
      url: this.#api.method("labels"),
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify(label)),
    } as const;
    const reply = await this.#api.call(request, signal);
    if (isLabel(reply.json)) return reply.json.id;
    // Another process has created it, or an earlier try of ours whose reply was lost.
    const id = reply.status === 409 ? idOf(name, await this.#list(signal)) : undefined;
    if (id !== undefined) return id;
    const { message } = this.#api.failure(reply, "account");
    throw new DestinationError(
      `the label ${printable(JSON.stringify(name))} cannot be created: ${printable(message)}`,
      {
        down: true,
      },
    );
  }
}

interface Label {
  readonly id: string;
  readonly name: string;
}

function isLabel(value: unknown): value is Label {
  const { id, name } = (value ?? {}) as Partial<Record<keyof Label, unknown>>;
  return typeof id === "string" && typeof name === "string";
}

/** Gmail has no two labels whose names differ in the case of letters only. */
function idOf(name: string, labels: readonly Label[]): string | undefined {
  const folded = name.toLowerCase();
  return (
    labels.find((label) => label.name === name) ?? labels.find((label) => label.name.toLowerCase() === folded)
  )?.id;
}
