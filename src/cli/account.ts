// An account from a URL: whom to be, where; the secret comes from elsewhere.
import { readFile } from "node:fs/promises";
import { methodNamed } from "../auth/choice.ts";
import { Pop3Error } from "../errors.ts";
import { nameOf } from "../fetch/options.ts";
import { parseUrl, type Pop3ClientOptions, type UrlOptions } from "../index.ts";
import { completeOptions } from "../options/client.ts";
import type { Attempt } from "./explain.ts";
import type { Io } from "./io.ts";
import { secretFrom, type SecretSource } from "./secret.ts";
import { ConfigurationError, UsageError } from "./usage.ts";

/** The options that every command with a URL takes. */
export const ACCOUNT_OPTIONS = {
  "password-command": { type: "string" },
  "token-command": { type: "string" },
  ca: { type: "string" },
  mechanism: { type: "string" },
} as const;

export interface AccountWords {
  readonly "password-command"?: string | undefined;
  readonly "token-command"?: string | undefined;
  readonly ca?: string | undefined;
  readonly mechanism?: string | undefined;
}

/** The variables that are looked at. */
export const PASSWORD = "POPWRIGHT_PASSWORD";
export const TOKEN = "POPWRIGHT_TOKEN";

export interface AccountSource {
  readonly url: string;
  readonly password: SecretSource;
  readonly token: SecretSource;
  readonly ca?: string | undefined;
  readonly mechanism?: string | undefined;
}

/** The account that the words of a command line name. Throws {@link UsageError}. */
export function accountFromWords(url: string, words: AccountWords, io: Io): Promise<Pop3ClientOptions> {
  if (passwordIn(url)) {
    throw new UsageError(
      `a password in an argument can be read by everybody on the machine: leave it out of the URL, and set ${PASSWORD}`,
    );
  }
  return accountFrom(
    {
      url,
      password: { variable: PASSWORD, command: words["password-command"] },
      token: { variable: TOKEN, command: words["token-command"] },
      ca: words.ca,
      mechanism: words.mechanism,
    },
    io,
  );
}

/** Throws {@link UsageError} for a URL that is none, and {@link ConfigurationError} for a file that is not there. */
export async function accountFrom(source: AccountSource, io: Io): Promise<Pop3ClientOptions> {
  const options = optionsOf(source.url);
  if (source.mechanism !== undefined) checkMechanism(source.mechanism);
  const tls = source.ca === undefined ? undefined : { ca: await certificate(source.ca) };
  const { user, ...rest } = options.auth ?? {};
  const mechanism = source.mechanism === undefined ? {} : { mechanism: source.mechanism };
  const account: Pop3ClientOptions = { ...options, ...(tls === undefined ? {} : { tls }) };
  if (user === undefined) return account;
  const byToken = source.token.command !== undefined || (io.env[source.token.variable ?? ""] ?? "") !== "";
  const secret = byToken
    ? { accessToken: secretFrom(source.token, "access token", io) }
    : { pass: secretFrom(source.password, `password of ${user}`, io) };
  return { ...account, auth: { ...rest, user, ...secret, ...mechanism } };
}

/** Where an account is, for those who explain failures. */
export function attemptOf({ host, port, secure = true, auth }: Pop3ClientOptions): Attempt {
  return { host, port: port ?? (secure ? 995 : 110), secure, user: auth?.user };
}

/** What a URL says. Throws {@link UsageError} where it says nothing that makes sense. */
export function optionsOf(url: string): UrlOptions {
  // "pop.example.com" is a path to a URL parser, and plain to everybody else.
  // It is not shown: there may be a password in it.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url))
    throw new UsageError("that is no URL, which looks like pop3s://user@pop.example.com");
  try {
    const options = parseUrl(url);
    // The secret is still to come.
    const { auth: _, ...rest } = options;
    completeOptions(rest);
    return options;
  } catch (error) {
    throw Pop3Error.is(error) ? new UsageError(error.message) : error;
  }
}

/** Throws {@link UsageError} for a mechanism that there is not. */
export function checkMechanism(name: string): void {
  if (methodNamed(name) === undefined) throw new UsageError(`there is no mechanism "${name}"`);
}

/** The mailbox's name in the ledger, where none is given. */
export function mailboxOf(url: string): string {
  const { auth, ...options } = optionsOf(url);
  // The secret is still to come.
  return nameOf({ ...options, auth: { ...auth, pass: "?" } });
}

export function passwordIn(url: string): boolean {
  return URL.canParse(url) && new URL(url).password !== "";
}

async function certificate(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigurationError(`the certificates in ${path} cannot be read: ${(error as Error).message}`);
  }
}
