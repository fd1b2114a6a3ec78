// Plays the user and the browser of `popwright login`, with a provider that gives ID tokens.
import { join } from "node:path";
import { IdentityProvider, idToken, type Answer, type Form } from "../support/identity-provider.ts";
import { newDirectory } from "../support/place.ts";
import { Terminal } from "./terminal.ts";

/** What the provider says of the account that has signed in. */
export type Claims = Readonly<Record<string, unknown>>;

/** A provider that gives numbered tokens. `claims`: of the account, in place of Ann's. */
export function provider(claims: Claims = {}, more: object = {}): Promise<IdentityProvider> {
  return IdentityProvider.listen(grant(claims, more));
}

export function grant(claims: Claims = {}, more: object = {}): Answer {
  return (form, nth, signIn) => ({
    access_token: `hunter2-access-${nth}`,
    expires_in: 3600,
    token_type: "Bearer",
    ...(form["grant_type"] === "refresh_token"
      ? {}
      : {
          refresh_token: `hunter2-refresh-${nth}`,
          id_token: idToken({
            aud: form["client_id"],
            nonce: signIn?.["nonce"],
            email: "ann@gmail.com",
            ...claims,
          }),
        }),
    ...more,
  });
}

export interface LoggedIn {
  readonly terminal: Terminal;
  readonly code: number;
  /** The last page of the browser. */
  readonly page: string;
  readonly directory: string;
}

export interface Scene {
  readonly args?: readonly string[];
  readonly env?: Form;
  readonly directory?: string;
  /** What the browser does with the address of the sign-in page. */
  readonly browser?: (url: string, terminal: Terminal) => Promise<string>;
}

/** Opens the address, and follows it back to the command. */
export const visit = async (url: string): Promise<string> => (await fetch(url)).text();

/** Runs `popwright login` in this process. */
export async function logIn(
  { url }: IdentityProvider,
  who: readonly [name: string, address: string],
  { args = ["--no-browser"], env = {}, directory, browser = visit }: Scene = {},
): Promise<LoggedIn> {
  const terminal = terminalIn(directory ?? (await newDirectory()), env);
  let visited: Promise<string> | undefined;
  terminal.told = () => {
    const [address] = /^http.*$/m.exec(terminal.out) ?? [];
    if (address !== undefined) visited ??= browser(address, terminal);
  };
  const code = await terminal.run("login", ...who, "--authority", url, ...args);
  return { terminal, code, page: (await visited) ?? "", directory: terminal.env["XDG_STATE_HOME"] as string };
}

/** A terminal whose sign-ins are in `directory`. */
export function terminalIn(directory: string, env: Form = {}): Terminal {
  const terminal = new Terminal();
  delete terminal.env["POPWRIGHT_PASSWORD"];
  Object.assign(terminal.env, {
    XDG_STATE_HOME: directory,
    POPWRIGHT_CLIENT_ID: "client-1",
    POPWRIGHT_CLIENT_SECRET: "hunter2-client",
    ...env,
  });
  return terminal;
}

/** The path of a sign-in. */
export function fileOf(directory: string, name = "google-ann@gmail.com"): string {
  return join(directory, "popwright", "sign-ins", `${name}.json`);
}
