// Ends the wait for a session when the run is stopped or aborted, and closes the open session on abort.
import type { Pop3Client } from "../../client.ts";
import { onAbort } from "../../net/abort.ts";

/**
 * Before the session is open, both signals end the wait for it. After that, the session itself watches `stop`,
 * and `signal` closes the connection. The run ends only after the destination has settled, so that no other run
 * can take the mailbox before. Call {@link release} at the end.
 */
export class Opening {
  readonly #controller: AbortController = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  #client: Pop3Client | undefined;

  constructor(stop: AbortSignal | undefined, signal: AbortSignal | undefined) {
    this.#listen(signal, () => this.#client?.close());
    this.#listen(stop, () => undefined);
  }

  /** Aborted if the wait for the session must end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the session was opened. */
  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  opened(client: Pop3Client): void {
    this.#client = client;
  }

  release(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #listen(signal: AbortSignal | undefined, whenOpen: () => void): void {
    if (signal === undefined) return;
    const heard = (): void => {
      if (this.isOpen) whenOpen();
      else this.#controller.abort(signal.reason);
    };
    this.#unsubscribe.push(onAbort(signal, heard));
  }
}
