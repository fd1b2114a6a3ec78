// Ann, her password and her maildrop on an embedded server, and the options for a connection to a server.
import { Pop3Client, type Pop3ClientOptions, type Pop3Error } from "../../src/index.ts";
import { Pop3Server, type Fault, type Pop3ServerOptions } from "../../src/testing/index.ts";
import type { ScriptedServer } from "./scripted-server.ts";

export const auth = { user: "ann", pass: "secret" };

/** The only message, unless a test brings its own: 22 octets. */
const messages: readonly (Buffer | string)[] = ["Subject: one\r\n\r\nOne.\r\n"];

/** A server with Ann's maildrop. */
export async function listen(
  options: Pop3ServerOptions & { readonly messages?: readonly (Buffer | string)[] } = {},
): Promise<Pop3Server> {
  const { messages: given = messages, ...rest } = options;
  return Pop3Server.listen({ users: { ann: { pass: auth.pass, messages: given } }, ...rest });
}

/** Options for an embedded server, without `auth`. */
export function to(server: Pop3Server, more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
  return { host: server.host, port: server.port, tls: { ca: server.ca }, secure: server.secure, ...more };
}

/** Options for a scripted server, without TLS and without `auth`. */
export function toScript(server: ScriptedServer, more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
  return { host: "127.0.0.1", port: server.port, secure: false, stls: "never", ...more };
}

/** Ann, logged in without TLS. */
export async function logIn(server: Pop3Server, more: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> {
  return Pop3Client.connect(to(server, { stls: "never", auth, ...more }));
}

/** What the clients of an embedded server said: `C: ` lines, and `* ` for what happened to their connections. */
export function said(server: Pop3Server): string[] {
  return server.transcript.lines.filter((line) => !line.startsWith("S: "));
}

/** A session of a server without CAPA, up to the login and with it: steps of a script. */
export const LOGGED_IN: readonly string[] = [
  ...["S: +OK hello", "C: CAPA", "S: -ERR no CAPA", "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"],
  ...["C: CAPA", "S: -ERR no CAPA"],
];

/** A session up to the login: the greeting, and CAPA with these lines. Steps of a script. */
export function offering(...capabilities: string[]): string[] {
  const listed = capabilities.map((capability) => `S: ${capability}`);
  return ["S: +OK hello", "C: CAPA", "S: +OK", ...listed, "S: ."];
}

/** The same, with a timestamp for APOP in the greeting. */
export function offeringApop(...capabilities: string[]): string[] {
  return ["S: +OK hello <1.2@mail.test>", ...offering(...capabilities).slice(1)];
}

/** Five messages, `1` to `5`. */
export async function five(...faults: Fault[]): Promise<Pop3Server> {
  return listen({ messages: ["1\r\n", "2\r\n", "3\r\n", "4\r\n", "5\r\n"], faults });
}

/** What is left in the maildrop, once the server has seen the end of the session. */
export async function left(server: Pop3Server): Promise<string> {
  await server.idle();
  return server
    .maildrop("ann")
    .messages.map(({ octets }) => octets.toString().trim())
    .join("");
}

/** Records the `close` events of a client. An `error` event would throw: it has no listener. */
export function ends(client: Pop3Client): (string | undefined)[] {
  const seen: (string | undefined)[] = [];
  client.on("close", (failure: Pop3Error | undefined) => seen.push(failure?.code));
  return seen;
}

/** A client of a script, logged in. */
export async function logInTo(
  server: ScriptedServer,
  more: Partial<Pop3ClientOptions> = {},
): Promise<Pop3Client> {
  return Pop3Client.connect(toScript(server, { auth, ...more }));
}
