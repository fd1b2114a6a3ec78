// Finds a message in Gmail by its Message-ID, if the access token may read.
import type { GmailApi } from "./api.ts";
import { Labels } from "./labels.ts";

/** How much of a message is read for it, at most; bytes. */
const MOST = 64 * 1024;

export class MessageFinder {
  readonly #api: GmailApi;
  /** Whether the token lacks the scope. */
  #isForbidden = false;

  constructor(api: GmailApi) {
    this.#api = api;
  }

  /**
   * Returns whether Gmail has a message with the Message-ID of this one, under the labels of a user among `labelIds`. `false`
   * also if it cannot be known.
   */
  async has(message: Buffer, labelIds: readonly string[], signal: AbortSignal | undefined): Promise<boolean> {
    const id = messageIdIn(message);
    if (id === undefined || this.#isForbidden) return false;
    const url = this.#api.method("messages", { q: `rfc822msgid:${id}`, maxResults: "1" });
    for (const label of Labels.own(labelIds)) url.searchParams.append("labelIds", label);
    const reply = await this.#api.call({ method: "GET", url }, signal);
    this.#isForbidden = reply.status === 403;
    const found = reply.status === 200 ? reply.json["messages"] : undefined;
    return Array.isArray(found) && found.length > 0;
  }
}

/** The Message-ID without its brackets; `undefined`: it is missing, or cannot be searched for. */
export function messageIdIn(message: Buffer): string | undefined {
  const head = message.toString("latin1", 0, MOST);
  const [, value = ""] =
    /^message-id[ \t]*:\s*(<?[^\s<>]+>?)\s*$/im.exec(head.split(/\r?\n\r?\n/, 1)[0] ?? "") ?? [];
  const id = value.replace(/^<|>$/g, "");
  // Other characters have a meaning in a search.
  return /^[\w.!#$%&*+/=?^`|~@-]{3,500}$/.test(id) ? id : undefined;
}
