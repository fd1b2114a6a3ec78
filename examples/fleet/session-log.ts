// The commands of the last session of each mailbox, for its page. They come without secrets.
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import type { Pop3Trace } from "popwright";

/** A mailbox with thousands of messages has thousands of commands. */
const MOST_LINES = 40;

interface Session {
  readonly lines: string[];
  left: number;
}

export class SessionLogs {
  /** The session to which a command belongs: what runs on behalf of a poll is in its context. */
  readonly #current: AsyncLocalStorage<Session> = new AsyncLocalStorage();
  readonly #sessions: Map<string, Session> = new Map();
  readonly #sent: WeakMap<Pop3Trace, { readonly session: Session; readonly at: number }> = new WeakMap();

  constructor() {
    const nothing = (): void => undefined;
    tracingChannel<string, Pop3Trace>("popwright:command").subscribe({
      start: (trace) => this.#begin(trace as Pop3Trace),
      end: nothing,
      asyncStart: nothing,
      asyncEnd: (trace) => this.#end(trace as Pop3Trace),
      error: nothing,
    });
  }

  /** The poll of a mailbox begins, in whose function `account` this is called. */
  begin(mailbox: string): void {
    const session = { lines: [], left: 0 };
    this.#sessions.set(mailbox, session);
    this.#current.enterWith(session);
  }

  /** Returns what the poll has done with the server; `undefined`: nothing. */
  take(mailbox: string): string | undefined {
    const session = this.#sessions.get(mailbox);
    this.#sessions.delete(mailbox);
    if (session === undefined || session.lines.length === 0) return undefined;
    const { lines, left } = session;
    return [...lines, ...(left > 0 ? [`and ${String(left)} more commands`] : [])].join("\n");
  }

  #begin(trace: Pop3Trace): void {
    const session = this.#current.getStore();
    if (session !== undefined) this.#sent.set(trace, { session, at: performance.now() });
  }

  #end(trace: Pop3Trace): void {
    const sent = this.#sent.get(trace);
    if (sent === undefined) return;
    const { session, at } = sent;
    if (session.lines.length >= MOST_LINES) {
      session.left++;
      return;
    }
    const { code } = (trace.error ?? {}) as { readonly code?: string };
    const answer = trace.error === undefined ? "+OK" : (code ?? "failed");
    session.lines.push(`${trace.command ?? ""}  ${answer}, ${String(Math.round(performance.now() - at))} ms`);
  }
}
