// Which accounts have one maildrop, and which may share a session: those that differ in nothing.
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import type { Pop3Auth, Pop3ClientOptions, SaslMechanism } from "../../src/index.ts";
import { parseUrl } from "../../src/options/url.ts";
import { Account } from "../../src/pool/account.ts";
import { fingerprintOf } from "../../src/pool/fingerprint.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { expectNoSecret, SECRET, visible } from "../support/secret.ts";

const ann: Pop3ClientOptions = { host: "mail.test", auth: { user: "ann", pass: SECRET } };
const withAuth = (auth: Pop3Auth): Account => new Account({ host: "mail.test", auth });

/** A text in the form of a certificate. */
const pem = (text: string): string => `-----BEGIN ${text}`;

function nested() {
  return {
    host: "mail.test",
    auth: {
      user: "ann",
      pass: SECRET,
      scram: { minIterations: 4096 },
      bindingTypes: ["tls-exporter"] as ("tls-exporter" | "tls-unique")[],
    },
    timeouts: { quit: 1 },
    limits: { message: 1 },
    pipelining: { octets: 1 },
    proxy: new URL("http://proxy.test"),
    localAddress: ["127.0.0.1"],
    tls: {
      rejectUnauthorized: false,
      ca: [pem("one")],
      cert: Buffer.from(pem("two")),
      key: [{ pem: "three", passphrase: "four" }],
    },
  };
}

describe("the maildrop", () => {
  const maildrop = (given: Pop3ClientOptions | string | URL): string => new Account(given).maildrop;

  test("is that of a user at a host and a port", () => {
    const same = [
      ann,
      { ...ann, host: "MAIL.Test" },
      { ...ann, port: 995 },
      { host: "mail.test", auth: { user: "ann", pass: "another" } },
      { host: "mail.test", auth: { user: "bob", pass: SECRET, authzid: "ann" } },
      { host: "mail.test", auth: { user: "ann", pass: SECRET, authzid: "" } },
      "pop3s://ann:secret@mail.test",
      new URL("pop3s://ann:secret@mail.test:995"),
    ];
    expect(new Set(same.map(maildrop)).size).toBe(1);
    const different = [
      ann,
      { ...ann, host: "mail2.test" },
      { ...ann, port: 996 },
      { ...ann, secure: false },
      { ...ann, auth: { user: "bob", pass: SECRET } },
      { ...ann, auth: { user: "Ann", pass: SECRET } },
      { ...ann, auth: { user: "ann", pass: SECRET, authzid: "bob" } },
    ];
    expect(new Set(different.map(maildrop)).size).toBe(6);
  });

  test("is that of the object, if it names no user", () => {
    const external: Pop3Auth = { mechanism: "EXTERNAL" };
    const first = withAuth(external).maildrop;
    expect(withAuth(external).maildrop).toBe(first);
    expect(withAuth({ mechanism: "EXTERNAL" }).maildrop).not.toBe(first);
  });

  test("belongs to no user if there is no login", () => {
    const options = { host: "mail.test" };
    expect(maildrop(options)).not.toBe(maildrop(options));
  });

  test("is unique if there is no user, with or without a login", () => {
    const external = (): Pop3ClientOptions => ({ ...ann, auth: { mechanism: "EXTERNAL" } });
    const loginless = { host: "mail.test" };
    const options = [external(), loginless, external(), external(), loginless, loginless, external()];
    expect(new Set(options.map(maildrop)).size).toBe(options.length);
  });

  test("is on a host, whatever the port and the case", () => {
    expect(new Account({ ...ann, host: "Mail.TEST", port: 1 }).host).toBe("mail.test");
  });
});

describe("a session may be shared", () => {
  const alike = (one: Pop3ClientOptions | string | URL, two: Pop3ClientOptions | string | URL): boolean =>
    new Account(one).matches(new Account(two));

  test("if everything is the same, in any form and order", () => {
    expect(alike(ann, structuredClone(ann))).toBe(true);
    expect(
      alike(ann, { auth: { pass: SECRET, user: "ann" }, port: 995, secure: true, host: "mail.test" }),
    ).toBe(true);
    expect(alike("pop3s://ann:secret@mail.test", new URL("pop3s://ann:secret@mail.test"))).toBe(true);
    expect(alike("pop3s://ann:secret@mail.test", parseUrl("pop3s://ann:secret@mail.test:995/"))).toBe(true);
    expect(alike({ ...ann, timeouts: { quit: 10_000 } }, { ...ann, timeouts: {} })).toBe(true);
    const proxy = "http://joe:doe@proxy.test";
    expect(alike({ ...ann, proxy }, { ...ann, proxy: new URL(proxy) })).toBe(true);
  });

  const pass = (): string => SECRET;
  const lookup = (): void => undefined;
  const connect = (): never => {
    throw new Error("never");
  };
  const own: SaslMechanism = { name: "X-OWN", cleartext: false, start: connect };
  const tls = { minVersion: "TLSv1.2" } as const;
  test.each<[string, Partial<Pop3ClientOptions>]>([
    ["secure", { secure: false, port: 995 }],
    ["STLS", { secure: false, port: 995, stls: "never" }],
    ["a password in clear", { allowPlaintextAuth: true }],
    ["UTF8", { utf8: true }],
    ["no CAPA", { capa: false }],
    ["strict listings", { listings: "strict" }],
    ["TLS", { tls }],
    ["the password", { auth: { user: "ann", pass: "another" } }],
    ["what gives the password", { auth: { user: "ann", pass } }],
    ["a token", { auth: { user: "ann", accessToken: SECRET } }],
    ["another token", { auth: { user: "ann", accessToken: "another" } }],
    ["for whom", { auth: { user: "ann", pass: SECRET, authzid: "bob" } }],
    ["the mechanism", { auth: { user: "ann", pass: SECRET, mechanism: "PLAIN" } }],
    ["one's own mechanism", { auth: { user: "ann", pass: SECRET, mechanism: own } }],
    ["the mechanisms", { auth: { user: "ann", pass: SECRET, mechanisms: ["PLAIN"] } }],
    ["their order", { auth: { user: "ann", pass: SECRET, mechanisms: ["PLAIN", "LOGIN"] } }],
    ["force", { auth: { user: "ann", pass: SECRET, force: true } }],
    ["the initial response", { auth: { user: "ann", pass: SECRET, initialResponse: false } }],
    ["channel binding", { auth: { user: "ann", pass: SECRET, channelBinding: "required" } }],
    ["its types", { auth: { user: "ann", pass: SECRET, bindingTypes: ["tls-exporter"] } }],
    ["SCRAM", { auth: { user: "ann", pass: SECRET, scram: { minIterations: 5000 } } }],
    ["the charset", { auth: { user: "ann", pass: SECRET, charset: "latin1" } }],
    ["the proxy", { proxy: "http://proxy.test" }],
    ["the proxy's password", { proxy: "http://joe:doe@proxy.test" }],
    ["another password for the proxy", { proxy: "http://joe:smith@proxy.test" }],
    ["a custom socket", { socket: connect }],
    ["the address", { localAddress: "127.0.0.1" }],
    ["the addresses", { localAddress: ["127.0.0.1", "127.0.0.2"] }],
    ["the family", { family: 4 }],
    ["the lookup", { lookup }],
    ["a time-out", { timeouts: { quit: 1 } }],
    ["a limit", { limits: { message: 1 } }],
    ["no pipelining", { pipelining: false }],
    ["the window", { pipelining: { octets: 1 } }],
  ])("not if an option differs: %s", (_, more) => {
    const other = { ...ann, ...more };
    expect(alike(ann, other)).toBe(false);
    expect(alike(other, ann)).toBe(false);
    expect(alike(other, { ...other })).toBe(true);
  });

  test("if another object for TLS has equal values, such as one from a database", () => {
    const full = {
      ...tls,
      ca: [pem("one"), Buffer.from(pem("two"))],
      key: [{ pem: "three", passphrase: "four" }],
    };
    const again = {
      ...ann,
      tls: { ...full, ca: [pem("one"), Buffer.from(pem("two"))], key: structuredClone(full.key) },
    };
    expect(alike({ ...ann, tls: full }, again)).toBe(true);
    expect(alike(ann, { ...ann, tls: {} })).toBe(true);
    expect(alike(ann, { ...ann, tls: { minVersion: undefined } })).toBe(true);
    for (const more of [
      { ca: [pem("one"), Buffer.from(pem("three"))] },
      { key: [{ pem: "three", passphrase: "five" }] },
      { rejectUnauthorized: false },
      { checkServerIdentity: () => undefined },
    ])
      expect(alike({ ...ann, tls: full }, { ...ann, tls: { ...full, ...more } })).toBe(false);
  });

  test("not with another function or mechanism, even if it does the same", () => {
    const verify = { ...ann, tls: { checkServerIdentity: () => undefined } };
    expect(alike(verify, { ...ann, tls: { checkServerIdentity: () => undefined } })).toBe(false);
    expect(alike(verify, { ...ann, tls: { ...verify.tls } })).toBe(true);
    const mechanism = { ...ann, auth: { user: "ann", pass: SECRET, mechanism: own } };
    expect(alike(mechanism, { ...ann, auth: { user: "ann", pass: SECRET, mechanism: { ...own } } })).toBe(
      false,
    );
    const giving = { ...ann, auth: { user: "ann", pass } };
    expect(alike(giving, { ...ann, auth: { user: "ann", pass: () => SECRET } })).toBe(false);
  });

  test("not if the object for TLS was changed meanwhile", () => {
    const options = { ...ann, tls: { rejectUnauthorized: false } };
    const before = new Account(options);
    options.tls.rejectUnauthorized = true;
    expect(before.matches(new Account(options))).toBe(false);
  });

  test.each<[string, (options: ReturnType<typeof nested>) => void]>([
    ["a timeout", ({ timeouts }) => (timeouts.quit = 5)],
    ["a limit", ({ limits }) => (limits.message = 5)],
    ["the window", ({ pipelining }) => (pipelining.octets = 5)],
    ["the proxy", ({ proxy }) => (proxy.hostname = "other.test")],
    ["a limit of SCRAM", ({ auth }) => (auth.scram.minIterations = 5000)],
    ["a kind of channel binding", ({ auth }) => void auth.bindingTypes.push("tls-unique")],
    ["a check of TLS", ({ tls }) => (tls.rejectUnauthorized = true)],
    ["an option of TLS, removed", ({ tls }) => delete (tls as Partial<typeof tls>).rejectUnauthorized],
    ["an authority of TLS", ({ tls }) => void tls.ca.push(pem("another"))],
    ["the bytes of a certificate", ({ tls }) => tls.cert.fill(0, pem("").length)],
    ["a passphrase inside TLS", ({ tls }) => tls.key.forEach((key) => (key.passphrase = "another"))],
    ["an address to connect from", ({ localAddress }) => void localAddress.push("127.0.0.2")],
  ])("a change inside an object of the options does not reach what waits: %s", (_, change) => {
    const options = nested();
    const before = new Account(options);
    change(options);
    expect(before.options).toEqual(nested());
    expect(before.settings).toEqual(new Account(nested()).settings);
    const after = new Account(options);
    expect(before.matches(after)).toBe(false);
    expect(after.matches(new Account(options))).toBe(true);
  });

  test("not if `auth` has changed since; a waiting call keeps what it was given", () => {
    const options = { host: "mail.test", auth: { user: "ann", pass: "one", mechanisms: ["PLAIN"] } };
    const before = new Account(options);
    options.auth.pass = "two";
    options.auth.mechanisms.push("USER");
    const after = new Account(options);
    expect(before.matches(after)).toBe(false);
    expect(before.options.auth).toEqual({ user: "ann", pass: "one", mechanisms: ["PLAIN"] });
    options.auth.user = "bob";
    expect(before.maildrop).toBe(after.maildrop);
    expect(before.settings.auth).toMatchObject({ user: "ann" });
  });

  test("by objects of a class, by what they give", () => {
    class Credentials {
      readonly user = "ann";
      readonly #pass: string;
      constructor(pass: string) {
        this.#pass = pass;
      }
      get pass(): string {
        return this.#pass;
      }
    }
    const [one, two] = ["one", "two"].map((pass) => withAuth(new Credentials(pass))) as [Account, Account];
    expect(one.options.auth?.pass).toBe("one");
    expect(one.matches(two)).toBe(false);
    expect(one.matches(withAuth(new Credentials("one")))).toBe(true);
  });
});

test("only if another connection can be made, and the user is known", () => {
  const [stream] = duplexPair();
  const given = new Account({ ...ann, socket: stream });
  expect([given.reconnects, given.reusable]).toEqual([false, false]);
  const made = new Account({ ...ann, socket: () => duplexPair()[0] });
  expect([made.reconnects, made.reusable]).toEqual([true, true]);
  const loginless = new Account({ host: "mail.test" });
  expect([loginless.reconnects, loginless.reusable]).toEqual([true, false]);
});

test("invalid options are refused", () => {
  for (const given of [
    ...[undefined, null, 1, [], {}, "mail.test", { host: "" }, { host: "mail.test", auth: null }],
    { host: "mail.test", auth: "ann" },
    ...["timeouts", "limits", "tls", "proxy"].map((name) => ({ ...ann, [name]: null })),
    { ...ann, auth: { ...ann.auth, scram: null } },
    createServer(),
  ])
    expect(() => new Account(given as never)).toThrow(expect.objectContaining({ code: "POP3_CONFIG" }));
});

test.each<[unknown, string]>([
  [7, "options must be an object (got 7)"],
  [{ ...ann, pot: 995 }, "unknown option pot: did you mean port?"],
  [{ ...ann, auth: { user: "ann", pas: SECRET } }, "unknown option auth.pas: did you mean auth.pass?"],
])("a mistake is named: %#", (given, message) => {
  expect(() => new Account(given as Pop3ClientOptions)).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG", message }) as Error,
  );
});

test("what is compared shows no secret", () => {
  const proxy = `http://joe:${encodeURIComponent(SECRET)}@proxy.test`;
  for (const auth of [
    { user: "ann", pass: SECRET },
    { user: "ann", accessToken: SECRET },
  ]) {
    const { settings } = new Account({ ...ann, auth, proxy, tls: { passphrase: SECRET } });
    expectNoSecret(visible(fingerprintOf(settings)));
  }
});

test("the logger is that of the pool, unless the account has its own or wants none", () => {
  const [pools, own] = [{ ...console }, { ...console }];
  const logger = (options: Pop3ClientOptions): unknown => new Account(options, pools).settings.logger;
  expect(logger(ann)).toBe(pools);
  expect(logger({ ...ann, logger: undefined } as object as Pop3ClientOptions)).toBe(pools);
  expect(logger({ ...ann, logger: own })).toBe(own);
  expect(logger({ ...ann, logger: false })).toBe(false);
  expect(new Account(ann).settings.logger).toBeUndefined();
  expect(new Account({ ...ann, logger: own }).settings.logger).toBe(own);
});
