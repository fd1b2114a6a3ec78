// The events of a run, which `onEvent` and `fetchAll` report while it is in progress.
import type { MalformedLine } from "../protocol/malformed-line.ts";
import type { FetchError } from "./fetch-error.ts";
import type { Skip } from "./plan/steps.ts";
import type { FailedMessage, FetchReport } from "./report.ts";

/** An event of the run over `mailbox`. */
export type FetchEvent = { readonly mailbox: string } & (
  | { readonly type: "begin" }
  /** LIST or UIDL have malformed lines: all of them. Reported once per run, before `"listed"`. */
  | { readonly type: "malformed"; readonly lines: readonly MalformedLine[] }
  /** The maildrop was listed and the plan made: the numbers of messages to retrieve and to delete. */
  | {
      readonly type: "listed";
      readonly messages: number;
      readonly octets: number;
      readonly toRetrieve: number;
      /** Bytes, as LIST announces them. */
      readonly toRetrieveOctets: number;
      readonly toDelete: number;
    }
  /** The number of bytes received of a large message. Reported about once per mebibyte. */
  | {
      readonly type: "progress";
      readonly number: number;
      readonly received: number;
      readonly size: number | undefined;
    }
  /** The destination has the message. `known`: it, or the ledger, had it before. */
  | {
      readonly type: "delivered";
      readonly number: number;
      readonly uid: string | undefined;
      readonly key: string;
      readonly octets: number;
      readonly known: boolean;
    }
  | ({ readonly type: "message-failed" } & FailedMessage)
  | ({ readonly type: "skipped" } & Skip)
  /**
   * A session failed because the server could not handle several commands in flight. The run continues in a
   * new session that sends one command at a time, and so does every session with this server for 24 hours.
   */
  | { readonly type: "pipelining-broken"; readonly error: unknown }
  /** The number of messages that QUIT has deleted. */
  | { readonly type: "deleted"; readonly messages: number }
  /** The run has ended without an error. */
  | { readonly type: "end"; readonly report: FetchReport }
  /** The run as a whole has failed. */
  | { readonly type: "failed"; readonly error: FetchError }
);

/** Receives events. The run waits for the promise that it returns, so a slow listener slows the run down. */
export type Listener = (event: FetchEvent) => Promise<void> | void;
