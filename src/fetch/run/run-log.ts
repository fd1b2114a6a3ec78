// Writes the events of a run to the log.
import { factsOf, Log, type Pop3LogFacts } from "../../net/log.ts";
import { completeOptions } from "../../options/client.ts";
import { secretsOf } from "../../options/secrets.ts";
import type { FetchEvent, Listener } from "../events.ts";
import type { FetchSettings } from "../options.ts";

type Line = readonly [level: "debug" | "info" | "warn", message: string, facts?: object];

export class RunLog {
  /** The id of the session in which the run works, if there is one. */
  session: string | undefined;
  readonly #log: Log;

  constructor({ account }: Pick<FetchSettings, "account">) {
    const complete = completeOptions(account);
    this.#log = new Log(complete.logger, secretsOf(complete));
  }

  /** Returns a listener that writes each event and passes it on. */
  before(listener: Listener): Listener {
    const isHeard = (["debug", "info", "warn"] as const).some((level) => this.#log.hears("fetch", level));
    if (!isHeard) return listener;
    return (event) => {
      this.#write(event);
      return listener(event);
    };
  }

  #write(event: FetchEvent): void {
    const line = lineOf(event);
    if (line === undefined) return;
    const [level, message, facts] = line;
    const { mailbox, type } = event;
    const named: Partial<Pop3LogFacts> = this.session === undefined ? {} : { session: this.session };
    this.#log.write("fetch", level, `${mailbox}: ${message}`, { event: type, mailbox, ...named, ...facts });
  }
}

/** Returns what the log says of an event; `undefined` for one that comes too often. */
function lineOf(event: FetchEvent): Line | undefined {
  switch (event.type) {
    case "begin":
      return ["debug", "the run begins"];
    case "progress":
      return undefined;
    case "malformed":
      return ["warn", `${event.lines.length} malformed lines in LIST or UIDL`, { lines: event.lines.length }];
    case "listed": {
      const { messages, octets, toRetrieve, toDelete } = event;
      const facts = { messages, bytes: octets, toRetrieve, toDelete };
      return ["info", `${messages} messages, ${toRetrieve} to retrieve, ${toDelete} to delete`, facts];
    }
    case "delivered": {
      const { number, uid, key, octets, known } = event;
      const what = known ? "was delivered before" : `delivered, ${octets} bytes`;
      return ["info", `message ${number} ${what}`, { number, uid, key, bytes: octets, known }];
    }
    case "message-failed": {
      const { number, uid, reason, tries, error } = event;
      const { code } = factsOf(error);
      return ["warn", `message ${number} failed: ${reason}`, { number, uid, error: reason, code, tries }];
    }
    case "skipped":
      return [
        "debug",
        `message ${event.number} skipped: ${event.reason}`,
        { number: event.number, uid: event.uid },
      ];
    case "pipelining-broken":
      return [
        "warn",
        "the session failed while several commands were in flight: from now on one at a time",
        factsOf(event.error),
      ];
    case "deleted":
      return ["info", `${event.messages} messages deleted`, { messages: event.messages }];
    case "end": {
      const { outcome, delivered, known, failed, deleted, duration } = event.report;
      const facts = { outcome, delivered, known, failed: failed.length, deleted, duration };
      return [
        "info",
        `${outcome}: ${delivered} delivered, ${failed.length} failed, ${deleted} deleted`,
        facts,
      ];
    }
    case "failed": {
      const { error } = event;
      return ["warn", `the run failed: ${error.message}`, { ...factsOf(error), temporary: error.temporary }];
    }
  }
}
