// What `popwright login` reads: the file of a sign-in, and the ID token of a provider (OpenID Connect Core section 2). Oracles:
// only errors for users are thrown, and they show no token; an account counts only if the token names it for this client and
// this request; what is written is read again; each address has a file of its own.
import { basename, dirname } from "node:path";
import { checkIdentity } from "../../../src/cli/login/identity.ts";
import { pathOfSignIn, signInFrom, type SignIn } from "../../../src/cli/login/sign-in-file.ts";
import { ConfigurationError, SignInError } from "../../../src/cli/usage-error.ts";
import { canonicalAddress } from "../../../src/options/mail-address.ts";
import { expectSame, expectThat, isOneLine } from "../oracle.ts";

export const FILES: readonly string[] = [
  "cli/login/sign-in-file",
  "cli/login/identity",
  "options/mail-address",
];
export const TOKENS: readonly string[] = [
  '{"tokenUrl":"https://t","clientId":"c","refreshToken":"hunter2"}',
  '{"aud":"c","nonce":"n","email":"ann@example.com","email_verified":true}',
  ...[
    '"aud":["c"]',
    '"preferred_username":"ann@example.com"',
    '"email_verified":false',
    '"nonce":"n"',
    "null",
  ],
  ...[
    '"email":"ANN@example.com"',
    '"email":"a.n.n@gmail.com"',
    "@",
    ".",
    "{",
    "}",
    '"',
    ",",
    "[",
    "]",
    "%",
    "/",
  ],
];

/** The signature of the tokens: no input contains it. */
const SIGNATURE = "q9Zx7kPwT2";
const EXPECTED = { address: "ann@example.com", clientId: "c", nonce: "n" };
const PATH = "/state/sign-ins/google-ann.json";

function objectIn(said: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(said);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

export function fuzz(data: Buffer): void {
  const said = data.toString("utf8");
  checkFile(said);
  checkToken(said);
  checkToken(`{"aud":"c","nonce":"n",${said}}`);
  // Each claim right or wrong, as the input chooses.
  const choice = data[0] ?? 0;
  const claims = {
    aud: [["c"], "c", "d", [said]][choice & 3],
    nonce: (choice & 12) === 12 ? "m" : "n",
    email: (choice & 16) === 0 ? "Ann@Example.com" : said,
    email_verified: [true, false, undefined, "false"][(choice >> 5) & 3],
    preferred_username: (choice & 128) === 0 ? undefined : said,
  };
  checkToken(JSON.stringify(claims));
  const name = { provider: "google", purpose: "mail", address: said } as const;
  const path = pathOfSignIn(name, { POPWRIGHT_STATE: "/state", HOME: "/home", XDG_STATE_HOME: "/state" });
  expectSame(basename(dirname(path)), "sign-ins", "the directory of a sign-in");
  const [, safe = ""] = /^google-([a-z0-9@._%-]*)\.json$/.exec(basename(path)) ?? [];
  expectSame(decodeURIComponent(safe), name.address.toLowerCase(), "the address of a file");
}

function checkFile(said: string): void {
  const value = objectIn(said);
  const isRight = ["tokenUrl", "clientId", "refreshToken"].every((name) => typeof value?.[name] === "string");
  for (const file of [said, `${said}hunter2`]) {
    try {
      const signIn = signInFrom(PATH, file);
      expectSame(signIn, objectIn(file), "a sign-in");
      expectThat(isRight || file !== said, "a sign-in that lacks something", signIn);
    } catch (error) {
      expectThat(error instanceof ConfigurationError, "an error for users", error);
      expectThat(isOneLine(error.message) && !error.message.includes("hunter2"), "an error", error.message);
      expectThat(!isRight || file !== said, "a sign-in that is refused", said);
    }
  }
  const signIn: SignIn = {
    ...{ provider: "google", purpose: "mail", address: said, tokenUrl: "https://t" },
    ...{ clientId: said, refreshToken: said },
  };
  expectSame(signInFrom(PATH, JSON.stringify(signIn)), signIn, "a sign-in written and read again");
}

function checkToken(claims: string): void {
  const token = `e30.${Buffer.from(claims).toString("base64url")}.${SIGNATURE}`;
  const { aud, nonce, email, email_verified: verified, preferred_username: name } = objectIn(claims) ?? {};
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const isMail = typeof email === "string" && verified !== false && isAnn(email);
  const isAnns = isMail || (typeof name === "string" && isAnn(name));
  const isRight = audiences.includes("c") && nonce === "n" && isAnns;
  try {
    checkIdentity(token, EXPECTED);
    expectThat(isRight, "a token of another account, client or request", claims);
  } catch (error) {
    expectThat(error instanceof SignInError, "an error for users", error);
    expectThat(isOneLine(error.message) && !error.message.includes(SIGNATURE), "an error", error.message);
    expectThat(!isRight, "a token that is refused", claims);
  }
}

function isAnn(address: string): boolean {
  const canonical = canonicalAddress(address);
  expectSame(canonicalAddress(canonical), canonical, "the one form of an address");
  return address.toLowerCase() === EXPECTED.address;
}

export function parse(data: Buffer): void {
  canonicalAddress(data.toString("utf8"));
}
