// The commands of the last session of each mailbox, for its page. They come without secrets.
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import type { Pop3Trace } from "popwright";
import type { Pop3FetchTrace } from "popwright/fetch";

/** A mailbox with thousands of messages has thousands of commands. */
const MOST_LINES = 40;

interface Session {
  readonly lines: string[];
  left: number;
}

export class SessionLogs {
  /** The session to which a command belongs: all that a run does is in its context. */
  readonly #current: AsyncLocalStorage<Session> = new AsyncLocalStorage();
  readonly #sessions: Map<string, Session> = new Map();
  readonly #sent: WeakMap<Pop3Trace, { readonly session: Session; readonly at: number }> = new WeakMap();

  constructor() {
    const nothing = (): void => undefined;
    tracingChannel<Session, Pop3FetchTrace>("popwright:fetch").start.bindStore(this.#current, (trace) =>
      this.#beginRun(trace.mailbox),
    );
    tracingChannel<string, Pop3Trace>("popwright:command").subscribe({
      start: (trace) => this.#begin(trace),
      end: nothing,
      asyncStart: nothing,
      asyncEnd: (trace) => this.#end(trace),
      error: nothing,
    });
  }

  /** Returns what the poll has done with the server; `undefined`: nothing. */
  take(mailbox: string): string | undefined {
    const session = this.#sessions.get(mailbox);
    this.#sessions.delete(mailbox);
    if (session === undefined || session.lines.length === 0) return undefined;
    const { lines, left } = session;
    return [...lines, ...(left > 0 ? [`and ${String(left)} more commands`] : [])].join("\n");
  }

  #beginRun(mailbox: string): Session {
    const session = { lines: [], left: 0 };
    this.#sessions.set(mailbox, session);
    return session;
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
