// The challenges of DIGEST-MD5 (RFC 2831 sections 2.1.1 and 7.2). Oracles: a reader that takes the grammar apart one
// character at a time, and that the response repeats nonce and realm.
import { parseChallenge, parseResponseAuth } from "../../../src/auth/digest-challenge.ts";
import { digestMd5For } from "../../../src/auth/digest-md5.ts";
import { CONTEXT, CREDENTIALS } from "../../support/sasl.ts";
import { expectSame, expectThat, octets, outcomeOf, text, type Outcome } from "../oracle.ts";

export const FILES: readonly string[] = ["auth/digest-challenge", "auth/digest-md5"];
export const TOKENS: readonly string[] = [
  ...[
    'realm="r"',
    'nonce="n"',
    'qop="auth"',
    "algorithm=md5-sess",
    "charset=utf-8",
    'rspauth="x"',
    "rspauth=",
    "stale=true",
  ],
  ...['realm="r",nonce="n",qop="auth,auth-int",algorithm=md5-sess', ",", "=", '"', "\\", '\\"', " ", "\t"],
];

const CODES = ["POP3_AUTH_PROTOCOL", "POP3_NOT_SUPPORTED"];

type Directives = readonly (readonly [name: string, value: string])[];

/** `undefined`: malformed. */
function byTheLetter(challenge: string): Directives | undefined {
  if (challenge.length >= 2048) return undefined;
  const directives: [string, string][] = [];
  const isSpace = (at: number): boolean => /^[ \t\r\n]$/.test(challenge[at] ?? "");
  const isToken = (at: number): boolean => /^[!#$%&'*+.0-9A-Z^_`a-z|~-]$/.test(challenge[at] ?? "");
  let at = 0;
  const skip = (): void => {
    while (isSpace(at)) at++;
  };
  const token = (): string => {
    const from = at;
    while (isToken(at)) at++;
    return challenge.slice(from, at);
  };
  const quoted = (): string | undefined => {
    let value = "";
    for (at++; challenge[at] !== '"'; at++) {
      const escapes = challenge[at] === "\\";
      if (escapes) at++;
      const char = challenge[at] ?? "";
      if (!(escapes ? /^[\t -~]$/ : /^[\t\n\r !#-[\]-~\x80-\xff]$/).test(char)) return undefined;
      value += char;
    }
    at++;
    return value;
  };
  while (at < challenge.length) {
    skip();
    const name = token();
    if (name !== "") {
      skip();
      if (challenge[at++] !== "=") return undefined;
      skip();
      const value = challenge[at] === '"' ? quoted() : token() || undefined;
      if (value === undefined) return undefined;
      skip();
      directives.push([name.toLowerCase(), value]);
    }
    if (at < challenge.length && challenge[at++] !== ",") return undefined;
  }
  const once = ["nonce", "stale", "maxbuf", "charset", "algorithm", "cipher", "rspauth"];
  const names = directives.map(([name]) => name);
  return once.some((name) => names.indexOf(name) !== names.lastIndexOf(name)) ? undefined : directives;
}

function expected(directives: Directives | undefined): Outcome<unknown> {
  const first = (wanted: string): string | undefined => directives?.find(([name]) => name === wanted)?.[1];
  const [nonce, charset] = [first("nonce"), first("charset")];
  const isMd5 = first("algorithm")?.toLowerCase() === "md5-sess";
  if (!nonce || !isMd5 || (charset !== undefined && charset.toLowerCase() !== "utf-8"))
    return { code: "POP3_AUTH_PROTOCOL" };
  const qop = (directives ?? []).filter(([name]) => name === "qop").map(([, value]) => value.toLowerCase());
  const words = qop.join(",").split(/[\t\n\r ,]+/);
  if (qop.length > 0 && !words.includes("auth")) return { code: "POP3_NOT_SUPPORTED" };
  return { value: { nonce, realm: first("realm"), utf8: charset !== undefined } };
}

const mechanism = digestMd5For("pop", () => "cnonce");

export async function fuzz(data: Buffer): Promise<void> {
  const directives = byTheLetter(text(data));
  const challenge = outcomeOf(CODES, () => parseChallenge(data));
  expectSame(challenge, expected(directives), "a challenge");
  const proof = directives?.find(([name]) => name === "rspauth")?.[1];
  expectSame(
    outcomeOf(CODES, () => parseResponseAuth(data)),
    proof === undefined ? { code: "POP3_AUTH_PROTOCOL" } : { value: proof },
    "a proof",
  );
  if ("code" in challenge || data.length > 512) return;
  const exchange = await mechanism.start(CREDENTIALS, CONTEXT);
  const response = text(await exchange.respond(data));
  const answered = new Map(byTheLetter(response));
  const { nonce, realm } = challenge.value;
  expectSame([answered.get("nonce"), answered.get("realm")], [nonce, realm], "what the response repeats");
  expectThat(!response.includes(CREDENTIALS.pass), "a password that is sent", response);
  const second = outcomeOf(CODES, () => exchange.respond(octets("rspauth=0123")));
  expectThat("code" in second, "a wrong proof that is accepted");
}
