// A promise of popwright that was broken in a simulated world.

export type Promised =
  | "nothing is deleted that was not durable before"
  | "DELE is sent only for what the ledger keeps"
  | "each message is there once, byte for byte"
  | "a key names one message"
  | "the first run is noted before mail is retrieved"
  | "what the first run leaves out is never fetched and never deleted"
  | "a message under its name is complete"
  | "after a lost lease a run starts nothing"
  | "caps per host hold"
  | "a host that is down is left alone"
  | "a mailbox is not polled before its time"
  | "memory stays within its bounds"
  | "each call settles"
  | "a run fails only with a FetchError"
  | "no error is left unhandled"
  | "no secret is shown"
  | "without faults everything is delivered"
  | "the server has what the policy leaves there"
  | "nothing is left over";

export class Violation extends Error {
  readonly promised: Promised;

  constructor(promised: Promised, what: string) {
    super(`${promised}: ${what}`);
    this.promised = promised;
  }
}
