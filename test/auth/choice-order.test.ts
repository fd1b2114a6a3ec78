// The order in which login methods are chosen, for each setting: never a weaker one than the server offers.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import {
  chooseMethod,
  methodNamed,
  secretOf,
  type ChannelBinding,
  type ServerOffer,
  type AuthPreferences,
} from "../../src/auth/choice.ts";
import { mechanismNames, secretNamed } from "../../src/auth/names.ts";
import { Pop3Error } from "../../src/errors.ts";
import { parseCapabilities } from "../../src/protocol/capabilities.ts";

interface Row {
  readonly name: string;
  /** When it may be used without TLS: always, if insisted on, or if clear text is allowed. @default never */
  readonly inClear?: "by itself" | "insisted on" | "allowed";
  /** Bound to the TLS connection. */
  readonly bound?: boolean;
  readonly authzid?: boolean;
  /** @default "password" */
  readonly secret?: "token" | "none";
}

/** The order over TLS is that of the lines. */
const TABLE: readonly Row[] = [
  { name: "SCRAM-SHA-512-PLUS", inClear: "insisted on", bound: true, authzid: true },
  { name: "SCRAM-SHA-256-PLUS", inClear: "insisted on", bound: true, authzid: true },
  { name: "SCRAM-SHA-1-PLUS", inClear: "insisted on", bound: true, authzid: true },
  { name: "SCRAM-SHA-512", inClear: "by itself", authzid: true },
  { name: "SCRAM-SHA-256", inClear: "by itself", authzid: true },
  { name: "SCRAM-SHA-1", inClear: "by itself", authzid: true },
  { name: "PLAIN", inClear: "allowed", authzid: true },
  { name: "LOGIN", inClear: "allowed" },
  { name: "USER", inClear: "allowed" },
  { name: "DIGEST-MD5", inClear: "insisted on", authzid: true },
  { name: "CRAM-MD5", inClear: "insisted on" },
  { name: "APOP", inClear: "insisted on" },
  { name: "OAUTHBEARER", inClear: "allowed", secret: "token" },
  { name: "XOAUTH2", inClear: "allowed", secret: "token" },
  { name: "EXTERNAL", inClear: "insisted on", authzid: true, secret: "none" },
  { name: "GSSAPI", inClear: "insisted on", authzid: true, secret: "none" },
  { name: "ANONYMOUS", inClear: "insisted on", secret: "none" },
];

/** In clear text a digest is better than the password itself, and -PLUS has nothing to be bound to. */
const IN_CLEAR: readonly string[] = [
  ...["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "APOP"],
  ...["PLAIN", "LOGIN", "USER"],
];

const NAMES = TABLE.map(({ name }) => name);
const rowOf = (name: string): Row => TABLE.find((row) => row.name === name) as Row;
const named = (test: (row: Row) => boolean | undefined): string[] =>
  TABLE.filter(test).map(({ name }) => name);

const TLS = true;
const CLEAR = false;

/** An offer of the methods with these names, in this order, and of one that the client does not know. */
function offerOf(names: readonly string[], secure: boolean): ServerOffer {
  const sasl = names.filter((name) => name !== "USER" && name !== "APOP");
  const lines = [...(names.includes("USER") ? ["USER"] : []), `SASL X-A ${sasl.join(" ")}`];
  return {
    capabilities: parseCapabilities(lines.join("\r\n")),
    secure,
    timestamp: names.includes("APOP"),
  };
}

/** The name of the method, or the code of the error. */
function choose(offer: ServerOffer, wish: Partial<AuthPreferences> = {}): string {
  try {
    const method = chooseMethod(offer, { mechanisms: [], allowPlaintext: false, ...wish });
    return typeof method === "string" ? method : method.name;
  } catch (error) {
    if (error instanceof Pop3Error) return error.code;
    throw error;
  }
}

/** What is chosen of everything, then of everything else, and so on. The last one is the code of an error. */
function peeled(secure: boolean, wish: Partial<AuthPreferences> = {}): string[] {
  const chosen: string[] = [];
  while (chosen.at(-1)?.startsWith("POP3_") !== true && chosen.length <= NAMES.length) {
    const left = NAMES.filter((name) => !chosen.includes(name));
    chosen.push(choose(offerOf(left.reverse(), secure), wish));
  }
  return chosen;
}

const NO_MECHANISM = "POP3_AUTH_NO_MECHANISM";
const PASSWORD = named(({ secret }) => secret === undefined);
const TOKEN = named(({ secret }) => secret === "token");

test("each method has a name, in upper or lower case, and the kind of its secret", () => {
  expect([...mechanismNames()].sort()).toEqual(NAMES.toSorted());
  for (const { name, secret = "password" } of TABLE) {
    const method = methodNamed(name);
    if (method === undefined) throw new Error(`no method ${name}`);
    expect(typeof method === "string" ? method : method.name).toBe(name);
    expect(methodNamed(name.toLowerCase())).toBe(method);
    expect(secretOf(method)).toBe(secret);
    expect(secretNamed(name.toLowerCase()), "known before the mechanism is loaded").toBe(secret);
  }
  expect(methodNamed("NOPE")).toBeUndefined();
  expect(secretNamed("NOPE")).toBeUndefined();
});

describe("the order of methods", () => {
  test.each([true, false])("over TLS, allowPlaintextAuth %j", (allowPlaintext) => {
    expect(peeled(TLS, { allowPlaintext })).toEqual([...PASSWORD, NO_MECHANISM]);
  });

  test("in clear text, if a password may be sent", () => {
    expect(peeled(CLEAR, { allowPlaintext: true })).toEqual([...IN_CLEAR, NO_MECHANISM]);
  });

  test("in clear text, if no password may be sent", () => {
    expect(peeled(CLEAR)).toEqual([...IN_CLEAR.slice(0, 3), "POP3_TLS_REQUIRED"]);
  });

  test("of the methods that take a token", () => {
    expect(peeled(TLS, { secret: "token" })).toEqual([...TOKEN, NO_MECHANISM]);
    expect(peeled(CLEAR, { secret: "token", allowPlaintext: true })).toEqual([...TOKEN, NO_MECHANISM]);
    expect(peeled(CLEAR, { secret: "token" })).toEqual(["POP3_TLS_REQUIRED"]);
  });

  test("if a channel binding is required", () => {
    const wish = { channelBinding: "required", allowPlaintext: true } as const;
    expect(peeled(TLS, wish)).toEqual([...named(({ bound }) => bound), NO_MECHANISM]);
    expect(peeled(CLEAR, wish)).toEqual([NO_MECHANISM]);
    // A token is not the password that is to be bound.
    expect(peeled(TLS, { ...wish, secret: "token" })).toEqual([...TOKEN, NO_MECHANISM]);
  });

  test("if channel binding is switched off", () => {
    const unbound = PASSWORD.filter((name) => rowOf(name).bound !== true);
    expect(peeled(TLS, { channelBinding: "never" })).toEqual([...unbound, NO_MECHANISM]);
  });

  test("if the connection has no channel binding", () => {
    const unbindable = { ...offerOf(NAMES, TLS), bindable: false };
    expect(choose(unbindable)).toBe("SCRAM-SHA-512");
    expect(choose({ ...unbindable, bindable: true })).toBe("SCRAM-SHA-512-PLUS");
    expect(choose(unbindable, { channelBinding: "required" })).toBe(NO_MECHANISM);
    for (const name of named(({ bound }) => bound)) {
      expect(choose(unbindable, { mechanisms: [name] })).toBe(NO_MECHANISM);
      expect(choose(unbindable, { mechanisms: [name, "PLAIN"], force: true })).toBe("PLAIN");
    }
  });

  test("if the user acts for another identity", () => {
    const able = PASSWORD.filter((name) => rowOf(name).authzid);
    expect(peeled(TLS, { authzid: true })).toEqual([...able, NO_MECHANISM]);
    expect(peeled(TLS, { authzid: true, secret: "token" })).toEqual([NO_MECHANISM]);
  });

  test("is not changed by force, which applies only to requested mechanisms", () => {
    expect(peeled(TLS, { force: true })).toEqual([...PASSWORD, NO_MECHANISM]);
    expect(choose(offerOf([], TLS), { force: true })).toBe(NO_MECHANISM);
    expect(choose(offerOf([], TLS), { force: true, secret: "token" })).toBe(NO_MECHANISM);
  });

  test("is the client's, even among ten thousand mechanisms and with every known one offered", () => {
    const unknown = Array.from({ length: 10_000 }, (_, index) => `X-${index}`);
    const names = [...unknown.slice(0, 5000), ...NAMES.toReversed(), ...unknown.slice(5000)];
    expect(choose(offerOf(names, TLS))).toBe("SCRAM-SHA-512-PLUS");
    expect(choose(offerOf(names, CLEAR))).toBe("SCRAM-SHA-512");
    expect(choose(offerOf(unknown, TLS))).toBe(NO_MECHANISM);
  });
});

const offers = fc.record({
  names: fc.shuffledSubarray(NAMES),
  secure: fc.boolean(),
});
const wishes = fc.record({
  secret: fc.constantFrom("password" as const, "token" as const),
  authzid: fc.boolean(),
  allowPlaintext: fc.boolean(),
  force: fc.boolean(),
  channelBinding: fc.constantFrom<ChannelBinding>("if-offered", "required", "never"),
});

/** What the table says of a method, for a wish. */
function isWanted(
  { bound = false, authzid = false, secret }: Row,
  wish: Omit<AuthPreferences, "mechanisms">,
): boolean {
  if (wish.authzid === true && !authzid) return false;
  if (wish.channelBinding === "never") return !bound;
  return wish.channelBinding !== "required" || bound || secret !== undefined;
}

describe("for every offer and every setting", () => {
  test("chooses the first method of the table that is allowed, or none", () => {
    const property = fc.property(offers, wishes, ({ names, secure }, wish) => {
      const order = wish.secret === "token" ? TOKEN : secure ? PASSWORD : IN_CLEAR;
      const able = order.filter((name) => names.includes(name) && isWanted(rowOf(name), wish));
      const [first] = able.filter(
        (name) => secure || wish.allowPlaintext || rowOf(name).inClear === "by itself",
      );
      const code = able.length > 0 ? "POP3_TLS_REQUIRED" : NO_MECHANISM;
      expect(choose(offerOf(names, secure), wish)).toBe(first ?? code);
    });
    fc.assert(property, { seed: 5034, numRuns: 2000 });
  });

  test("chooses the first requested method that is allowed, or none", () => {
    const insisted = fc.shuffledSubarray(NAMES, { minLength: 1 });
    const property = fc.property(offers, wishes, insisted, ({ names, secure }, wish, mechanisms) => {
      const able = mechanisms.filter((name) => {
        // RFC 1939 has USER, listed or not; APOP is made of the greeting.
        const there = names.includes(name) || name === "USER" || (wish.force && name !== "APOP");
        return there && isWanted(rowOf(name), wish);
      });
      const [first] = able.filter(
        (name) => secure || wish.allowPlaintext || rowOf(name).inClear !== "allowed",
      );
      const code = able.length > 0 ? "POP3_TLS_REQUIRED" : NO_MECHANISM;
      expect(choose(offerOf(names, secure), { ...wish, mechanisms })).toBe(first ?? code);
    });
    fc.assert(property, { seed: 4422, numRuns: 2000 });
  });
});
