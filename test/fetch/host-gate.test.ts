// Which mailboxes of a host may run after it has failed, and when.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Pop3ConnectionError,
  Pop3Error,
  Pop3HostBusyError,
  Pop3ReplyError,
  type Pop3ClientOptions,
} from "popwright";
import { FetchError, type FetchEvent } from "../../src/fetch/index.ts";
import { HostGate, HostGates, type HostDown, type Pass } from "../../src/fetch/host-gate.ts";
import { emptyReport } from "../../src/fetch/report.ts";
import { Account } from "../../src/pool/account.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";

guardEachTest();

const NOW = 1_000_000_000_000;
const POLL = { shortest: 60_000, longest: 600_000, jitter: 0 };
const mailbox = "ann@mail.test:995";
const { signal } = new AbortController();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function failed(cause: Pop3Error = new Pop3ConnectionError("POP3_CONNECT", "no route")): FetchEvent {
  const report = { ...emptyReport(mailbox), outcome: "failed" as const };
  return { mailbox, type: "failed", error: new FetchError({ cause, temporary: true, report }) };
}

const listed: FetchEvent = {
  ...{ mailbox, type: "listed", messages: 0, octets: 0 },
  ...{ toRetrieve: 0, toRetrieveOctets: 0, toDelete: 0 },
};

/** What has settled of some calls, in order: `"go"`, `"try"`, or the time until the next try. */
class Calls {
  readonly results: (string | number)[] = [];
  readonly passes: Pass[] = [];

  add(call: Promise<Pass | HostDown>): void {
    call.then(
      (result) => {
        if ("error" in result) this.results.push(result.nextPollAt - NOW);
        else {
          this.results.push(result.isTry ? "try" : "go");
          this.passes.push(result);
        }
      },
      (error: unknown) => this.results.push((error as Pop3Error).code),
    );
  }

  /** What has settled since the last call. */
  async settled(): Promise<(string | number)[]> {
    await turns(3);
    return this.results.splice(0);
  }
}

class Host {
  readonly gate: HostGate = new HostGate();
  readonly calls: Calls = new Calls();

  async enter(count = 1): Promise<(string | number)[]> {
    for (let each = 0; each < count; each++) this.calls.add(this.gate.enter(signal));
    return this.calls.settled();
  }

  async turn(count = 1): Promise<(string | number)[]> {
    for (let each = 0; each < count; each++) this.calls.add(this.gate.turn(signal));
    return this.calls.settled();
  }

  /** The last run that began ends with this event. */
  async ends(event: FetchEvent, pass = this.calls.passes.at(-1) as Pass): Promise<(string | number)[]> {
    this.gate.heard(event, pass, POLL);
    this.gate.leave(pass);
    return this.calls.settled();
  }

  async passes(milliseconds: number): Promise<(string | number)[]> {
    await vi.advanceTimersByTimeAsync(milliseconds);
    return this.calls.settled();
  }

  /** A host that is known to be down: the next try is in a minute. */
  static async down(): Promise<Host> {
    const host = new Host();
    await host.enter();
    await host.ends(failed());
    await host.enter();
    await host.ends(failed());
    return host;
  }
}

test("all mailboxes of a host that works run at once", async () => {
  const host = new Host();
  expect(await host.enter(3)).toEqual(["go", "go", "go"]);
  await host.ends(listed);
  expect(await host.enter()).toEqual(["go"]);
});

test("after one failure another mailbox tries at once, and the rest wait for what it finds out", async () => {
  const host = new Host();
  await host.enter();
  await host.ends(failed());
  expect(await host.enter(3)).toEqual(["try"]);
  expect(await host.ends(listed)).toEqual(["go", "go"]);
});

test("if that fails, too, the host is down: each is told the time of the next try", async () => {
  const host = new Host();
  await host.enter();
  await host.ends(failed());
  await host.enter(3);
  expect(await host.ends(failed())).toEqual([60_001, 60_001]);
  expect(await host.enter()).toEqual([60_001]);
  expect(host.gate.notBefore(NOW)).toBe(NOW + 60_001);
  expect(host.gate.notBefore(NOW + 70_000)).toBe(NOW + 70_000);
});

describe("ask() answers at once", () => {
  const ask = (host: Host): string | number => {
    const answer = host.gate.ask();
    if ("error" in answer) return answer.nextPollAt - NOW;
    host.calls.passes.push(answer);
    return answer.isTry ? "try" : "go";
  };

  test("while it is in doubt: the first tries, and the others come again after some seconds", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const host = new Host();
    expect([ask(host), ask(host)]).toEqual(["go", "go"]);
    await host.ends(failed());
    expect(host.gate.outage).toBeUndefined();
    expect([ask(host), ask(host), ask(host)]).toEqual(["try", 5000, 5000]);
    await host.ends(listed);
    expect([ask(host), host.gate.isUp]).toEqual(["go", true]);
  });

  test("while the host is down: with the time of the next try, and then one tries", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const host = await Host.down();
    expect(host.gate.outage).toMatchObject({ error: { code: "POP3_CONNECT" }, nextPollAt: NOW + 60_001 });
    expect([ask(host), ask(host)]).toEqual([60_001, 60_001]);
    await vi.advanceTimersByTimeAsync(60_000);
    // If the try fails, there is another pause of the same length at least.
    expect([ask(host), ask(host)]).toEqual(["try", 120_001]);
    host.gate.leave(host.calls.passes.at(-1) as Pass);
    expect(ask(host)).toBe("try");
    await host.ends(listed);
    expect([ask(host), host.gate.outage]).toEqual(["go", undefined]);
  });
});

test("one at a time tries; the pauses double up to the longest", async () => {
  const host = await Host.down();
  expect(await host.turn(20)).toEqual([]);
  const pauses: number[] = [];
  for (let tries = 0; tries < 6; tries++) {
    const began = performance.now();
    while ((await host.passes(1000)).length === 0);
    pauses.push(Math.floor((performance.now() - began) / 1000));
    // While it tries, no other does, however long it takes.
    expect(await host.passes(5_000_000)).toEqual([]);
    expect(await host.ends(failed())).toEqual([]);
  }
  expect(pauses).toEqual([60, 120, 240, 480, 600, 600]);
  await host.passes(600_000);
  expect(await host.ends(listed)).toEqual(Array.from({ length: 13 }, () => "go"));
});

test("a pause is spread by the jitter, and the first one is a minute at most", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const host = new Host();
  for (let failures = 0; failures < 2; failures++) {
    await host.enter();
    const pass = host.calls.passes.at(-1) as Pass;
    host.gate.heard(failed(), pass, { shortest: 900_000, longest: 3_600_000, jitter: 0.1 });
    host.gate.leave(pass);
  }
  // From 60 to 66 seconds.
  expect(host.gate.notBefore(0)).toBe(NOW + 63_001);
});

test("without a pause one after the other tries, however often", async () => {
  const host = new Host();
  const event = failed();
  await host.enter();
  for (let tries = 0; tries < 1100; tries++) {
    const pass = host.calls.passes.at(-1) as Pass;
    host.gate.heard(event, pass, { ...POLL, shortest: 0 });
    host.gate.leave(pass);
    host.calls.add(host.gate.turn(signal));
    await Promise.resolve();
    await Promise.resolve();
  }
  expect((await host.calls.settled()).filter((each) => each === "try")).toHaveLength(1100);
});

test("after the pause the next that comes tries at once; the others wait for another pause", async () => {
  const host = await Host.down();
  await host.passes(60_001);
  expect(await host.enter(2)).toEqual(["try", 120_002]);
});

test("runs that began before the host failed say nothing new", async () => {
  const host = new Host();
  await host.enter(5);
  for (const pass of host.calls.passes) host.gate.heard(failed(), pass, POLL);
  expect(host.gate.notBefore(0)).toBe(NOW + 60_001);
});

test("a run that began before, and gets through, ends it", async () => {
  const host = new Host();
  await host.enter(3);
  const [first, second, third] = host.calls.passes as [Pass, Pass, Pass];
  await host.ends(failed(), first);
  await host.ends(failed(), second);
  await host.turn();
  expect(await host.ends(listed, third)).toEqual(["go"]);
});

test("a run that waits for its session does not begin if the host fails meanwhile, unless it is the try", async () => {
  const host = new Host();
  await host.enter(2);
  const [first, second] = host.calls.passes as [Pass, Pass];
  expect(host.gate.admits(second)).toBe(true);
  await host.ends(failed(), first);
  expect(host.gate.admits(second)).toBe(false);
  await host.enter();
  expect(host.gate.admits(host.calls.passes.at(-1) as Pass)).toBe(true);
  await host.ends(listed);
  expect(host.gate.admits(second)).toBe(true);
});

describe("what a run says of its host", () => {
  const refusal = new Pop3ReplyError("POP3_AUTH_REJECTED", "no", { text: "no", temporary: false });
  test.each<[string, Pop3Error, "back" | "down" | "nothing"]>([
    ["the password is refused", refusal, "back"],
    ["the session is lost", new Pop3ConnectionError("POP3_RESET", "", { command: "RETR 1" }), "back"],
    ["the certificate has expired", new Pop3ConnectionError("POP3_TLS_CERT", ""), "down"],
    [
      "the greeting is not sent",
      new Pop3ConnectionError("POP3_CLOSED", "", { command: "the greeting" }),
      "down",
    ],
    ["the host has no free place", new Pop3HostBusyError("full", NOW), "nothing"],
    ["another run has the mailbox", new Pop3Error("POP3_MAILBOX_BUSY", ""), "nothing"],
    ["the ledger fails", new Pop3Error("POP3_LEDGER", ""), "nothing"],
    ["it is aborted", new Pop3Error("POP3_ABORTED", ""), "nothing"],
  ])("%s", async (_name, cause, verdict) => {
    const host = await Host.down();
    await host.turn(2);
    expect(await host.passes(60_000)).toEqual(["try"]);
    // One that has found out nothing is followed by the next at once.
    const expected = { back: ["go"], down: [], nothing: ["try"] }[verdict];
    expect(await host.ends(failed(cause))).toEqual(expected);
  });

  test("a busy host is not down", async () => {
    const host = new Host();
    await host.enter();
    await host.ends(failed(new Pop3HostBusyError("full", NOW)));
    expect(await host.enter(2)).toEqual(["go", "go"]);
  });
});

test("a wait that is aborted gives up its turn, and leaves no timer", async () => {
  const host = await Host.down();
  const controller = new AbortController();
  host.calls.add(host.gate.turn(controller.signal));
  await host.turn();
  controller.abort();
  expect(await host.calls.settled()).toEqual(["POP3_ABORTED"]);
  expect(await host.passes(60_000)).toEqual(["try"]);
  const last = new AbortController();
  host.calls.add(host.gate.turn(last.signal));
  await host.ends(failed());
  last.abort();
  expect(await host.calls.settled()).toEqual(["POP3_ABORTED"]);
  expect(vi.getTimerCount()).toBe(0);
});

describe("the mailboxes of a host share a gate", () => {
  const ann: Pop3ClientOptions = { host: "mail.test", auth: { user: "ann", pass: "secret" } };
  const gates = new HostGates();
  const gateOf = (more: Partial<Pop3ClientOptions> = {}): HostGate =>
    gates.of(new Account({ ...ann, ...more })).gate;

  test.each<[string, Partial<Pop3ClientOptions>]>([
    ["another user", { auth: { user: "bob", pass: "secret" } }],
    ["the same host in capitals", { host: "MAIL.test" }],
    ["equal options of TLS", { tls: {} }],
    ["another timeout", { timeouts: { connect: 5 } }],
    ["another local address", { localAddress: "127.0.0.1" }],
  ])("with %s", (_name, more) => {
    expect(gateOf(more)).toBe(gateOf());
  });

  test.each<[string, Partial<Pop3ClientOptions>]>([
    ["host", { host: "mail2.test" }],
    ["port", { port: 1995 }],
    ["protection", { secure: false, port: 995 }],
    ["certificate", { tls: { ca: "-----BEGIN own" } }],
    ["proxy", { proxy: "http://proxy.test:3128" }],
    ["version of IP", { family: 6 }],
  ])("not with another %s", (_name, more) => {
    expect(gateOf(more)).not.toBe(gateOf());
  });

  test("until the last of them is done", () => {
    const own = new HostGates();
    const of = (): ReturnType<HostGates["of"]> => own.of(new Account(ann));
    const [first, second] = [of(), of()];
    first.done();
    expect(of().gate).toBe(second.gate);
    second.done();
    of().done();
    expect(of().gate).toBe(second.gate);
  });

  test("while the host is down, although all of them are done", () => {
    const own = new HostGates();
    const of = (): ReturnType<HostGates["of"]> => own.of(new Account(ann));
    for (let tries = 0; tries < 2; tries++) {
      const { gate, done } = of();
      const pass = gate.ask() as Pass;
      gate.heard(failed(), pass, POLL);
      gate.leave(pass);
      done();
    }
    expect(own.down).toMatchObject([{ host: "mail.test", error: { code: "POP3_CONNECT" } }]);
    const { gate, done } = of();
    gate.heard(listed, { isTry: false }, POLL);
    done();
    expect(own.down).toEqual([]);
    expect(of().gate).not.toBe(gate);
  });
});
