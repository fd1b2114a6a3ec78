// Builds the client options of an account from a URL. The secret comes from the environment, a command or a
// prompt, never from the URL.
import { printable } from "../protocol/printable.ts";
import { mechanismNames, secretNamed } from "../auth/names.ts";
import { nameOf } from "../fetch/options.ts";
import { parseUrl, Pop3Error, type Pop3ClientOptions, type Secret, type UrlOptions } from "../index.ts";
import { proxyFrom, proxyText, type Proxy } from "../net/proxy.ts";
import { completeOptions } from "../options/client.ts";
import { hostText } from "../net/authority.ts";
import { readCertificates } from "./certificates.ts";
import type { Attempt } from "./explain.ts";
import { keepSecret, type Io } from "./io.ts";
import { signInNamed, storedSignIn } from "./login/stored-sign-in.ts";
import { secretFrom, type SecretSource } from "./secret.ts";
import { PASSWORD, PROXY, TOKEN } from "./secret-variables.ts";
import { UsageError } from "./usage-error.ts";

/** The options of every command that takes a URL. */
export const ACCOUNT_OPTIONS = {
  "password-command": { type: "string" },
  "password-file": { type: "string" },
  "token-command": { type: "string" },
  login: { type: "string" },
  ca: { type: "string" },
  mechanism: { type: "string" },
  proxy: { type: "string" },
} as const;

export interface AccountWords {
  readonly "password-command"?: string | undefined;
  readonly "password-file"?: string | undefined;
  readonly "token-command"?: string | undefined;
  readonly login?: string | undefined;
  readonly ca?: string | undefined;
  readonly mechanism?: string | undefined;
  readonly proxy?: string | undefined;
}

export interface AccountSource {
  readonly url: string;
  readonly password: SecretSource;
  readonly token: SecretSource;
  /** A sign-in of `popwright login`, in place of a secret: see {@link signInNamed}. */
  readonly login?: string | undefined;
  readonly ca?: string | undefined;
  readonly mechanism?: string | undefined;
  /** The URL of a proxy. */
  readonly proxy?: string | undefined;
}

/**
 * Builds the account that a command line names. Throws {@link UsageError} if the URL is invalid or has a
 * password in it.
 */
export function accountFromWords(url: string, words: AccountWords, io: Io): Pop3ClientOptions {
  if (passwordIn(url)) {
    throw new UsageError(
      `the URL must not contain a password, because other users of this machine can read it. Set ${PASSWORD} instead`,
    );
  }
  if (words.proxy !== undefined && passwordIn(words.proxy)) {
    throw new UsageError(
      `--proxy must not contain a password, because other users of this machine can read it. Set ${PROXY} to the URL of the proxy instead`,
    );
  }
  checkOneSource(words, ["login", "password-command", "password-file"]);
  checkOneSource(words, ["login", "token-command", "password-file"]);
  const inEnvironment = io.env[PROXY] === "" ? undefined : io.env[PROXY];
  return accountFrom(
    {
      url,
      password: {
        variable: PASSWORD,
        command: words["password-command"],
        file: words["password-file"],
        options: "--password-command or --password-file",
      },
      token: { variable: TOKEN, command: words["token-command"], options: "--token-command" },
      login: words.login,
      ca: words.ca,
      mechanism: words.mechanism,
      proxy: words.proxy ?? inEnvironment,
    },
    io,
  );
}

/** Throws {@link UsageError} if the account has no user: only `check` can do without. */
export function checkUser({ auth, host }: Pop3ClientOptions): void {
  if (auth === undefined)
    throw new UsageError(`the URL must name a user, as in pop3s://USER@${hostText(host)}`);
}

/** Throws {@link UsageError} if two options are given of which each says where the secret is. */
function checkOneSource(words: AccountWords, names: readonly (keyof AccountWords)[]): void {
  const [first, second] = names.filter((name) => words[name] !== undefined);
  if (second !== undefined)
    throw new UsageError(
      `--${String(first)} and --${second} cannot be combined: both say where the secret is. Remove one`,
    );
}

/**
 * Builds the account. Throws {@link UsageError} if a URL is invalid or the mechanism is unknown, and
 * {@link ConfigurationError} if the file with the certificates cannot be read. `env`: what a command that prints
 * the secret gets as its environment.
 */
export function accountFrom(
  source: AccountSource,
  io: Io,
  env: NodeJS.ProcessEnv = io.env,
): Pop3ClientOptions {
  const options = optionsOf(source.url);
  if (source.mechanism !== undefined) checkMechanism(source.mechanism);
  if (source.proxy !== undefined) keepSecret(checkProxy(source.proxy).pass ?? "", io);
  const tls = source.ca === undefined ? undefined : { ca: readCertificates(source.ca) };
  const { user, ...rest } = options.auth ?? {};
  const mechanism = source.mechanism === undefined ? {} : { mechanism: source.mechanism };
  const account: Pop3ClientOptions = {
    ...options,
    ...(tls === undefined ? {} : { tls }),
    ...(source.proxy === undefined ? {} : { proxy: source.proxy }),
  };
  const signIn = source.login === undefined ? undefined : signInNamed(source.login, user);
  if (user === undefined) return account;
  if (signIn !== undefined)
    return { ...account, auth: { ...rest, user, accessToken: storedSignIn(signIn, io), ...mechanism } };
  const inVariable = (io.env[source.token.variable ?? ""] ?? "") !== "";
  const byToken = source.token.command !== undefined || (inVariable && source.password.file === undefined);
  const secret = byToken
    ? { accessToken: secretFrom(source.token, "access token", io, env) }
    : { pass: secretFrom(source.password, `password of ${printable(user)}`, io, env) };
  return { ...account, auth: { ...rest, user, ...secret, ...mechanism } };
}

/**
 * Reads the secret of an account now, so that it is masked from the first reply of the server on. If that fails,
 * the login fails with the same error.
 */
export async function withKnownSecret(account: Pop3ClientOptions): Promise<Pop3ClientOptions> {
  const { auth } = account;
  if (auth === undefined) return account;
  const read = async (secret: Secret): Promise<() => Promise<string>> => {
    const known = Promise.resolve().then(() => (typeof secret === "function" ? secret() : secret));
    await known.catch(() => undefined);
    return () => known;
  };
  const { pass, accessToken } = auth;
  return {
    ...account,
    auth: {
      ...auth,
      ...(pass === undefined ? {} : { pass: await read(pass) }),
      ...(accessToken === undefined ? {} : { accessToken: await read(accessToken) }),
    },
  };
}

/** Returns the parts of an account that the explanation of a failure needs. */
export function attemptOf({ host, port, secure = true, auth, proxy }: Pop3ClientOptions): Attempt {
  return {
    host,
    port: port ?? (secure ? 995 : 110),
    secure,
    user: auth?.user,
    proxy: proxy === undefined ? undefined : proxyText(proxyFrom(proxy)),
  };
}

/** Parses a URL. Throws {@link UsageError} if it is invalid. */
export function optionsOf(url: string): UrlOptions {
  // A URL parser would reject "pop.example.com" with words about relative paths, which help no user.
  // The text is not shown: it may contain a password.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url))
    throw new UsageError("this is not a URL: it must look like pop3s://user@pop.example.com");
  try {
    const options = parseUrl(url);
    // The secret is not known yet.
    const { auth: _, ...rest } = options;
    completeOptions(rest);
    return options;
  } catch (error) {
    throw Pop3Error.is(error) ? new UsageError(error.message) : error;
  }
}

/** Throws {@link UsageError} if the mechanism is unknown. */
export function checkMechanism(name: string): void {
  if (secretNamed(name) === undefined)
    throw new UsageError(
      `unknown mechanism "${printable(name)}": it must be one of ${[...mechanismNames()].join(", ")}`,
    );
}

/** Parses the URL of a proxy. Throws {@link UsageError} if it is invalid. */
export function checkProxy(url: string): Proxy {
  try {
    return proxyFrom(url);
  } catch (error) {
    throw Pop3Error.is(error) ? new UsageError(error.message) : error;
  }
}

/** Returns the default name of the mailbox in the ledger: `user@host:port`. */
export function mailboxOf(url: string): string {
  const { auth, ...options } = optionsOf(url);
  // The secret is not known yet.
  return nameOf({ ...options, auth: { ...auth, pass: "?" } });
}

export function passwordIn(url: string): boolean {
  return URL.canParse(url) && new URL(url).password !== "";
}
