// Gets access tokens from a sign-in that `popwright login` has stored, and stores a refresh token that replaces the old one.
import type { AccessToken } from "../../index.ts";
import type { OurFile } from "../../fetch/files/own-file.ts";
import { refreshedToken, type AccessTokenSource } from "../../oauth2/index.ts";
import { printable } from "../../protocol/printable.ts";
import type { Secrets } from "../../protocol/secrets.ts";
import { keepSecret, type Io } from "../io.ts";
import { ConfigurationError, UsageError } from "../usage-error.ts";
import { quoted } from "../usage.ts";
import {
  loginCommand,
  pathOfSignIn,
  readSignIn,
  whileLocked,
  writeSignIn,
  type SignIn,
  type SignInName,
} from "./sign-in-file.ts";
import { providerNamed } from "./sign-in-provider.ts";

/**
 * Reads `google`, `microsoft` or `microsoft:ann@example.com`, as `--login` takes it. `user`: the user name of the mailbox,
 * if the word names no address. `protocol`: the one that the sign-in is used with. Throws {@link UsageError}.
 */
export function signInNamed(
  word: string,
  user: string | undefined,
  protocol: "pop" | "imap" = "pop",
): SignInName {
  const [name = "", ...rest] = word.split(":");
  const { name: provider, scopes } = providerNamed(name);
  const address = rest.length === 0 ? user : rest.join(":");
  if (!address?.includes("@"))
    throw new UsageError(
      `the sign-in must name the address that has signed in, as in ${provider}:ann@example.com, if the URL does not (got ${quoted(word)})`,
    );
  // Google has one scope for both protocols.
  const purpose = protocol === "imap" && scopes.imap !== undefined ? "imap" : "mail";
  return { provider, purpose, address };
}

/** One for each file and run: all accounts that use a sign-in share its access token. */
const shared = new WeakMap<
  Secrets,
  Map<string, (...args: Parameters<AccessTokenSource>) => Promise<string>>
>();

/**
 * Returns a function for `auth.accessToken`. It reads the file at each call. It throws {@link ConfigurationError} if there
 * is no such sign-in, and `OAuth2Error` if the token server gives no token.
 */
export function storedSignIn(name: SignInName, io: Io): Exclude<AccessToken, string> {
  const known = shared.get(io.secrets) ?? new Map<string, AccessTokenSource>();
  shared.set(io.secrets, known);
  const path = pathOfSignIn(name, io.env);
  const source = known.get(path) ?? sourceIn(path, name, io);
  known.set(path, source);
  return (refusal) => source(refusal);
}

function sourceIn(path: string, name: SignInName, io: Io): AccessTokenSource {
  let current: SignIn | undefined;
  let source: AccessTokenSource | undefined;
  let ours: OurFile | undefined;
  const read = async (): Promise<SignIn> => {
    const signIn = await readSignIn(path, ours);
    if (signIn === undefined)
      throw new ConfigurationError(
        `${printable(name.address)} has not signed in: run \`${loginCommand(name)}\` first (there is no ${printable(path)})`,
      );
    keepSecret(signIn.clientSecret ?? "", io);
    keepSecret(signIn.refreshToken, io);
    return signIn;
  };
  const token = async (...args: Parameters<AccessTokenSource>): Promise<string> => {
    const signIn = await read();
    // After a new sign-in, the client and even the server may be others.
    if (source === undefined || !isSameClient(signIn, current)) {
      source = refreshedToken({
        tokenUrl: signIn.tokenUrl,
        clientId: signIn.clientId,
        clientSecret: signIn.clientSecret,
        scope: signIn.scope,
        refreshToken: async () => (current = await read()).refreshToken,
        async onToken(refreshToken) {
          keepSecret(refreshToken, io);
          current = { ...(current ?? signIn), refreshToken };
          await writeSignIn(path, current);
        },
      });
    }
    current = signIn;
    const accessToken = await source(...args);
    keepSecret(accessToken, io);
    return accessToken;
  };
  // One call after the other: the lock is for other processes.
  let last: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const next = last.then(() =>
      whileLocked(path, (file) => {
        ours = file;
        return token(...args);
      }),
    );
    last = next.catch(() => undefined);
    return next;
  };
}

function isSameClient(a: SignIn, b: SignIn | undefined): boolean {
  const parts = (each: SignIn): unknown[] => [each.tokenUrl, each.clientId, each.clientSecret, each.scope];
  return b !== undefined && parts(a).every((part, index) => part === parts(b)[index]);
}
