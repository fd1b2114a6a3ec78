// A misspelt option or fault is refused, with the name that was probably meant: a test must not pass because the fault
// that it ordered never happened.
import { describe, expect, test } from "vitest";
import { makeCertificate, Pop3Server, type Fault } from "../../src/testing/index.ts";

const FAULTS: readonly (readonly [fault: unknown, message: string])[] = [
  // names
  [{ on: "RETR", closed: 3 }, "unknown option fault.closed: did you mean fault.close?"],
  [{ on: "RETR", Close: 3 }, "unknown option fault.Close: did you mean fault.close?"],
  [{ on: "RETR", cuts: 3 }, "did you mean fault.cut?"],
  [{ on: "RETR", resett: 3 }, "did you mean fault.reset?"],
  [{ on: "RETR", stal: 3 }, "did you mean fault.stall?"],
  [{ on: "RETR", drop: 3 }, "did you mean fault.close, fault.cut, fault.reset or fault.stall?"],
  [{ on: "RETR", repyl: "+OK\r\n" }, "did you mean fault.reply?"],
  [{ on: "RETR", response: "+OK\r\n" }, "did you mean fault.reply?"],
  [{ on: "RETR", carriedout: false }, "did you mean fault.carriedOut?"],
  [{ on: "RETR", twise: true }, "did you mean fault.twice?"],
  [{ on: "RETR", befor: "x" }, "did you mean fault.before?"],
  [{ on: "RETR", aftr: "x" }, "did you mean fault.after?"],
  [{ on: "RETR", latr: "x" }, "did you mean fault.later?"],
  [{ on: "RETR", flod: "x" }, "did you mean fault.flood?"],
  [{ on: "RETR", delai: 5 }, "did you mean fault.delay?"],
  [{ on: "RETR", splitt: 1 }, "did you mean fault.split?"],
  [{ on: "RETR", intervall: 1 }, "did you mean fault.interval?"],
  [{ on: "RETR", nht: 2, close: 0 }, "did you mean fault.nth?"],
  [{ on: "RETR", times: 2, close: 0 }, "did you mean fault.nth?"],
  [{ command: "RETR", close: 0 }, "unknown option fault.command: did you mean fault.on?"],
  [{ ON: "RETR", close: 0 }, "did you mean fault.on?"],
  [{ on: "RETR", bananas: 1 }, "unknown option fault.bananas"],
  // the response
  [
    { on: "RETRR", close: 0 },
    'fault.on must name a response of the server (got "RETRR"): did you mean "RETR"?',
  ],
  [{ on: "RTER", close: 0 }, 'did you mean "RETR"?'],
  [{ on: "UIDLS", close: 0 }, 'did you mean "UIDL"?'],
  [{ on: "greetings", close: 0 }, 'did you mean "greeting"?'],
  [{ on: "AUTH_RESPONSE", close: 0 }, 'did you mean "AUTH-RESPONSE"?'],
  [{ on: "RETR 1", close: 0 }, 'did you mean "RETR"?'],
  [{ on: "RETR\r\n", close: 0 }, 'did you mean "RETR"?'],
  [{ on: "EHLO", close: 0 }, 'it is "greeting", a command such as "RETR", or "*" for any command'],
  [{ on: "", close: 0 }, "fault.on must name a response"],
  [{ close: 0 }, "fault.on must be a string (got undefined)"],
  [{ on: ["RETR"], close: 0 }, "fault.on must be a string (got an array)"],
  [{ on: /RETR/, close: 0 }, "fault.on must be a string (got an object)"],
  ["RETR", "fault must be an object (got a string)"],
  [null, "fault must be an object (got null)"],
  [[{ on: "RETR", close: 0 }], "fault must be an object (got an array)"],
  // its number
  [{ on: "RETR", close: 0, nth: "2" }, 'fault.nth must be a whole number >= 1, or "every" (got "2")'],
  [{ on: "RETR", close: 0, nth: 0 }, "(got 0)"],
  [{ on: "RETR", close: 0, nth: -1 }, "(got -1)"],
  [{ on: "RETR", close: 0, nth: 1.5 }, "(got 1.5)"],
  [{ on: "RETR", close: 0, nth: NaN }, "(got NaN)"],
  [{ on: "RETR", close: 0, nth: Infinity }, "(got Infinity)"],
  [{ on: "RETR", close: 0, nth: "all" }, "(got a string)"],
  [{ on: "RETR", close: 0, nth: true }, "(got true)"],
  [{ on: "RETR", close: 0, nth: null }, "(got null)"],
  // no action
  [{ on: "RETR" }, "the fault on RETR changes nothing: set one of delay, reply, carriedOut,"],
  [{ on: "RETR", nth: 2 }, "changes nothing"],
  [{ on: "RETR", close: undefined }, "changes nothing"],
  [{ on: "RETR", delay: 0 }, "changes nothing"],
  [{ on: "RETR", interval: 0 }, "changes nothing"],
  [{ on: "RETR", split: Infinity }, "changes nothing"],
  [{ on: "RETR", twice: false }, "changes nothing"],
  [{ on: "RETR", carriedOut: true }, "changes nothing"],
  // values
  [{ on: "RETR", close: "3" }, 'fault.close must be a whole number >= 0 (got "3")'],
  [{ on: "RETR", close: true }, "(got true)"],
  [{ on: "RETR", cut: -1 }, "(got -1)"],
  [{ on: "RETR", reset: NaN }, "(got NaN)"],
  [{ on: "RETR", stall: 0.5 }, "(got 0.5)"],
  [
    { on: "RETR", delay: "1" },
    'fault.delay must be a number of milliseconds >= 0, or a text such as "500 ms" or "30 s" (got "1")',
  ],
  [{ on: "RETR", delay: -1 }, "(got -1)"],
  [{ on: "RETR", split: 0 }, "fault.split must be a whole number >= 1 (got 0)"],
  [{ on: "RETR", split: 1.5 }, "(got 1.5)"],
  [{ on: "RETR", interval: -1 }, "fault.interval must be a number of milliseconds >= 0"],
  [{ on: "RETR", reply: 3 }, "fault.reply must be a string or a Buffer (got 3)"],
  [{ on: "RETR", reply: ["+OK"] }, "(got an array)"],
  [{ on: "RETR", before: true }, "fault.before must be a string or a Buffer (got true)"],
  [{ on: "RETR", after: null }, "(got null)"],
  [{ on: "RETR", later: {} }, "(got an object)"],
  [{ on: "RETR", flood: 1 }, "(got 1)"],
  [{ on: "RETR", flood: "" }, "fault.flood must not be empty"],
  [{ on: "RETR", twice: "yes" }, 'fault.twice must be true or false (got "yes")'],
  [{ on: "RETR", carriedOut: 0 }, "fault.carriedOut must be true or false (got 0)"],
  // actions that exclude each other
  [
    { on: "RETR", close: 1, reset: 1 },
    "a fault must have only one of close, cut, reset, stall (got close and reset)",
  ],
  [{ on: "RETR", cut: 1, stall: 1 }, "(got cut and stall)"],
  [
    { on: "RETR", close: 1, later: "x" },
    "a fault cannot have both later and close: nothing is sent after close",
  ],
  [{ on: "RETR", stall: 1, later: "x" }, "a fault cannot have both later and stall"],
  [{ on: "RETR", flood: "x", later: "x" }, "a fault cannot have both later and flood"],
  [{ on: "RETR", twice: true, carriedOut: false }, "fault.twice needs a response"],
];

describe("a misspelt fault is refused", () => {
  test.each(FAULTS)("%j", async (fault, message) => {
    const refused = { code: "POP3_CONFIG", message: expect.stringContaining(message) as string };
    await expect(Pop3Server.listen({ faults: [fault as Fault] })).rejects.toMatchObject(refused);
    await using server = await Pop3Server.listen();
    expect(() => {
      server.fault(fault as Fault);
    }).toThrow(expect.objectContaining(refused) as Error);
    expect(server.unusedFaults).toEqual([]);
  });
});

const listen = (options: object) => () => Pop3Server.listen(options);
const replay = (options: object) => () => Pop3Server.replay("S: +OK", options);
const user = (options: object) => listen({ users: { ann: options } });

const OPTIONS: readonly (readonly [what: string, call: () => unknown, message: string])[] = [
  ["the server", listen({ usrs: {} }), "unknown option server.usrs: did you mean server.users?"],
  ["the server", listen({ secure: true }), "unknown option server.secure: did you mean server.tls?"],
  ["the server", listen({ startTLS: true }), "did you mean server.stls?"],
  ["the server", listen({ capabilites: [] }), "did you mean server.capabilities?"],
  ["the server", listen({ mechanisms: [] }), "did you mean server.sasl?"],
  ["the server", listen({ fault: [] }), "did you mean server.faults?"],
  ["the server", listen({ messages: [] }), "it belongs to a user"],
  ["the server", listen({ pipelining: "false" }), 'server.pipelining must be true or false (got "false")'],
  ["the server", listen({ sasl: "PLAIN" }), "server.sasl must be an array (got a string)"],
  ["the server", listen({ faults: { on: "RETR" } }), "server.faults must be an array (got an object)"],
  ["the server", listen({ chunk: "1" }), 'chunk must be a number >= 1 (got "1")'],
  ["the server", listen({ latency: -1 }), "latency must be a number of milliseconds >= 0"],
  [
    "the server",
    () => Pop3Server.listen(null as never),
    "the options of Pop3Server must be an object (got null)",
  ],
  ["users", listen({ users: [] }), "users must be an object (got an array)"],
  ["a user", listen({ users: { ann: "secret" } }), "user must be an object (got a string)"],
  ["a user", user({ password: "x" }), "unknown option user.password: did you mean user.pass?"],
  ["a user", user({ message: [] }), "unknown option user.message: did you mean user.messages?"],
  ["a user", user({ uid: [] }), "did you mean user.uids?"],
  ["a user", user({ token: "x" }), "did you mean user.accessToken?"],
  [
    "scram",
    listen({ scram: { iteration: 1 } }),
    "unknown option scram.iteration: did you mean scram.iterations?",
  ],
  ["scram", listen({ scram: { serverfinal: () => undefined } }), "did you mean scram.serverFinal?"],
  [
    "digestMd5",
    listen({ digestMd5: { relm: "x" } }),
    "unknown option digestMd5.relm: did you mean digestMd5.realm?",
  ],
  ["a replay", replay({ repeats: true }), "unknown option replay.repeats: did you mean replay.repeat?"],
  ["a replay", replay({ repeat: 1 }), "replay.repeat must be true or false (got 1)"],
  ["a replay", replay({ faults: [] }), "unknown option replay.faults: the options are host, port,"],
  ["a certificate", () => makeCertificate({ name: "x" } as object), "did you mean certificate.names?"],
];

test.each(OPTIONS)("%s refuses an unknown name or a wrong value: %#", async (_what, call, message) => {
  const error = await Promise.resolve()
    .then(call)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "POP3_CONFIG", message: expect.stringContaining(message) as string });
});

test("options of node:tls and of OAuth errors are not checked, and every response can be named", async () => {
  const { key, cert } = makeCertificate();
  await using server = await Pop3Server.listen({
    tls: { key, cert, somethingOfNode: true } as object,
    oauthError: { anything: 1 },
    allowUnusedFaults: true,
  });
  for (const on of ["greeting", "*", "retr", "AUTH-RESPONSE", "auth-cancel", "XTND", "X-OWN"])
    server.fault({ on, close: Infinity });
  expect(server.unusedFaults).toHaveLength(7);
});
