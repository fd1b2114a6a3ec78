// What is told of runs while they go on.
import type { MalformedLine } from "../protocol/malformed-line.ts";
import type { FetchError } from "./fetch-error.ts";
import type { Skip } from "./plan/plan.ts";
import type { FailedMessage, FetchReport } from "./report.ts";

/** Something has happened in the run over `mailbox`. */
export type FetchEvent = { readonly mailbox: string } & (
  | { readonly type: "begin" }
  /** LIST or UIDL have malformed lines, all of which are here: told once in a run, before `"listed"`. */
  | { readonly type: "malformed"; readonly lines: readonly MalformedLine[] }
  /** The maildrop was listed and the plan made: how many messages are to be retrieved and deleted. */
  | {
      readonly type: "listed";
      readonly messages: number;
      readonly octets: number;
      readonly toRetrieve: number;
      /** As LIST announces them. */
      readonly toRetrieveOctets: number;
      readonly toDelete: number;
    }
  /** Octets of a message have come: told for large ones, once for each mebibyte. */
  | {
      readonly type: "progress";
      readonly number: number;
      readonly received: number;
      readonly size: number | undefined;
    }
  /** The destination has it; `known`: it had it before. */
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
   * The server ended a session by a fault while several commands were in flight. The run continues in a new session,
   * which sends one command at a time, as every session with this server does for 24 hours.
   */
  | { readonly type: "pipelining-broken"; readonly error: unknown }
  /** QUIT has deleted so many messages. */
  | { readonly type: "deleted"; readonly messages: number }
  | { readonly type: "end"; readonly report: FetchReport }
  | { readonly type: "failed"; readonly error: FetchError }
);

/** Is told of events. What it returns is waited for, so that it may hold the run back. */
export type Listener = (event: FetchEvent) => Promise<void> | void;
