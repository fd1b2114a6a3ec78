// The events of a run, which `onEvent` and `fetchAll` report while it is in progress.
import type { MalformedLine } from "../protocol/malformed-line.ts";
import type { FetchError } from "./fetch-error.ts";
import type { Skip } from "./plan/steps.ts";
import type { FailedMessage, FetchReport } from "./report.ts";

/** An event of the run over `mailbox`. */
export type FetchEvent = {
  /** The name of the mailbox in the ledger. */
  readonly mailbox: string;
} & (
  | {
      /** The run begins. */
      readonly type: "begin";
    }
  | {
      /** LIST or UIDL have malformed lines. Reported once per run, before `"listed"`. */
      readonly type: "malformed";
      /** All of them. */
      readonly lines: readonly MalformedLine[];
    }
  | {
      /** The maildrop was listed and the plan made. */
      readonly type: "listed";
      /** The number of messages in the maildrop. */
      readonly messages: number;
      /** Their size in bytes, as STAT or LIST announce it. */
      readonly octets: number;
      /** The number of messages to retrieve. */
      readonly toRetrieve: number;
      /** Bytes, as LIST announces them. */
      readonly toRetrieveOctets: number;
      /** The number of messages to delete without retrieving them. */
      readonly toDelete: number;
    }
  | {
      /** A part of a large message has arrived. Reported about once per mebibyte. */
      readonly type: "progress";
      /** The message number. */
      readonly number: number;
      /** The bytes received so far. */
      readonly received: number;
      /** The size of the message in bytes, as LIST announces it. */
      readonly size: number | undefined;
    }
  | {
      /** The destination has the message. */
      readonly type: "delivered";
      /** The message number. */
      readonly number: number;
      /** The unique-id; `undefined`: the server gives none. */
      readonly uid: string | undefined;
      /** The key under which the destination knows the message. */
      readonly key: string;
      /** The size of the message in bytes. */
      readonly octets: number;
      /** Whether the destination, or the ledger, had it before. */
      readonly known: boolean;
    }
  | ({
      /** A message could not be delivered. The others are not affected. */
      readonly type: "message-failed";
    } & FailedMessage)
  | ({
      /** A message is left on the server. */
      readonly type: "skipped";
    } & Skip)
  | {
      /**
       * A session failed while several commands were in flight. The server may not be able to handle that, or the failure
       * may have another cause. The run continues in a new session that sends one command at a time, and so does every
       * session with this server for 24 hours.
       */
      readonly type: "pipelining-broken";
      /** The failure of the session. */
      readonly error: unknown;
    }
  | {
      /** QUIT has deleted messages. */
      readonly type: "deleted";
      /** The number of messages. */
      readonly messages: number;
    }
  | {
      /** The run has ended without an error. */
      readonly type: "end";
      /** What it has done. */
      readonly report: FetchReport;
    }
  | {
      /** The run as a whole has failed. */
      readonly type: "failed";
      /** Why, and what it has done before. */
      readonly error: FetchError;
    }
);

/** Receives events. The run waits for the promise that it returns, so a slow listener slows the run down. */
export type Listener = (event: FetchEvent) => Promise<void> | void;
