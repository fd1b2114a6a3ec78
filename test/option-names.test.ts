// A misspelt or foreign name of an option is refused, with the name that was probably meant.
import { expect, test } from "vitest";
import { Pop3Client, Pop3Pool } from "popwright";
import {
  Command,
  deliverTo,
  EmlFolder,
  fetchAll,
  fetchMail,
  FileLedger,
  Maildir,
  Mbox,
  MemoryLedger,
  newMail,
} from "popwright/fetch";

const host = "127.0.0.1";
const auth = { user: "ann", pass: "hunter2" };
const account = { host, auth };
const ledger = new MemoryLedger();
const destination = (): void => undefined;

const client = (options: object) => () => new Pop3Client({ host, ...options });
const first = (events: AsyncIterable<unknown>) => () => events[Symbol.asyncIterator]().next();

const cases: readonly (readonly [what: string, call: () => unknown, message: string])[] = [
  ["a client", client({ secured: false }), "unknown option secured: did you mean secure?"],
  ["a client", client({ hostt: "x" }), "unknown option hostt: did you mean host?"],
  ["a client", client({ password: "x" }), "unknown option password: did you mean auth.pass?"],
  ["a client", client({ username: "x" }), "unknown option username: did you mean auth.user?"],
  ["a client", client({ user: "x" }), "unknown option user: did you mean auth.user?"],
  ["a client", client({ tlsOptions: {} }), "unknown option tlsOptions: did you mean tls?"],
  ["a client", client({ requireTLS: true }), "unknown option requireTLS: did you mean secure?"],
  ["a client", client({ doSTARTTLS: true }), "unknown option doSTARTTLS: did you mean secure?"],
  ["a client", client({ servername: "x" }), "did you mean tls.servername?"],
  ["a client", client({ timeout: 5 }), "did you mean timeouts.connect"],
  ["a client", client({ connectionTimeout: 5 }), "did you mean timeouts.connect?"],
  ["a client", client({ tls: true }), "did you mean secure: true?"],
  [
    "a client",
    client({ host: "mail.test:995" }),
    "host must not have a port at its end: give the port as the option port",
  ],
  [
    "tls",
    client({ tls: { rejectUnauthorized: "false" } }),
    'tls.rejectUnauthorized must be true or false (got "false")',
  ],
  [
    "tls",
    client({ tls: { checkServerIdentity: false } }),
    "tls.checkServerIdentity must be a function (got false)",
  ],
  [
    "a client",
    client({ mailbox: "ann" }),
    "unknown option mailbox: in fetchAll it stands next to the account: { account, mailbox }",
  ],
  ["a client", client({ constructor: 1 }), "unknown option constructor"],
  [
    "timeouts",
    client({ timeouts: { conect: 5 } }),
    "unknown option timeouts.conect: did you mean timeouts.connect?",
  ],
  ["limits", client({ limits: { mesage: 5 } }), "unknown option limits.mesage: did you mean limits.message?"],
  ["auth", client({ auth: { ...auth, mechanim: "APOP" } }), "did you mean auth.mechanism?"],
  [
    "auth",
    client({ auth: { user: "ann", password: "x" } }),
    "unknown option auth.password: did you mean auth.pass?",
  ],
  [
    "auth.scram",
    client({ auth: { ...auth, scram: { minIteration: 1 } } }),
    "did you mean auth.scram.minIterations?",
  ],
  ["a pool", () => new Pop3Pool({ maxSession: 5 } as object), "did you mean pool.maxSessions?"],
  [
    "fetchMail",
    () => fetchMail(account, { ledger, destination, polcy: {} } as never),
    "did you mean policy?",
  ],
  [
    "fetchMail",
    () => fetchMail(account, { ledger, destination: Maildir } as never),
    "destination is a class: did you mean an instance of it, new Maildir(…)?",
  ],
  [
    "a policy",
    () => fetchMail(account, { ledger, destination, policy: { delet: "never" } as object }),
    "unknown option policy.delet: did you mean policy.delete?",
  ],
  [
    "fetchAll",
    first(fetchAll([account], { ledger, destination, repeats: true } as never)),
    "did you mean repeat?",
  ],
  ["newMail", first(newMail(account, { ledger, destination } as never)), "unknown option destination"],
  ["newMail", first(newMail(account, { ledgr: ledger, ledger } as never)), "did you mean ledger?"],
  ["an EmlFolder", () => new EmlFolder("x", { subfoler: 1 } as object), "did you mean subfolder?"],
  ["an Mbox", () => new Mbox("x", { lockTimout: 1 } as object), "did you mean mbox.lockTimeout?"],
  ["a Command", () => new Command("x", [], { timout: 1 } as object), "did you mean command.timeout?"],
  ["deliverTo", () => deliverTo(destination, { limt: 1 } as object), "did you mean deliverTo.limit?"],
  ["a FileLedger", () => new FileLedger("x", { stal: 1 } as object), "did you mean ledger.stale?"],
];

test.each(cases)("%s refuses an unknown name: %#", async (_what, call, message) => {
  const error = await Promise.resolve()
    .then(call)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ code: "POP3_CONFIG", message: expect.stringContaining(message) as string });
});

test("a password that is undefined is named, with what may be the reason", () => {
  expect(client({ auth: { user: "ann", pass: undefined } })).toThrow(
    "auth.pass is undefined: if it comes from an environment variable, is that set?",
  );
  expect(client({ auth: { user: "ann" } })).toThrow("auth.pass is missing");
});
