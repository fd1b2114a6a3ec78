// Logs in by one method. The password or token is a value, or a function that is called just before use.
import type { Pop3Auth } from "../options/auth.ts";
import { secretOf, type Method } from "../auth/choice.ts";
import type { SaslContext } from "../auth/mechanism.ts";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../errors.ts";
import type { Connection } from "../net/connection.ts";
import { untilAborted } from "../net/settle.ts";
import type { Pop3Limits } from "../options/client.ts";
import * as commands from "../protocol/commands.ts";
import type { Command } from "../protocol/commands.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { converse } from "./sasl.ts";
import { encoderOf, type Encoder } from "./text-encoder.ts";

export interface LoginContext {
  readonly connection: Connection;
  readonly limits: Pop3Limits;
  /** Computes APOP's digest of a secret and the timestamp of the greeting. */
  readonly apopDigest: (secret: string) => string;
  /** The facts about the connection that a SASL mechanism may use. */
  readonly sasl: SaslContext;
  /** The text of the greeting. */
  readonly greeting: string;
  /** The signal of the caller. It is also aborted when the session is closed. */
  readonly signal: AbortSignal;
  /** Masked in errors and logs. The secrets of the login are added before anything is sent. */
  readonly secrets: Secrets;
}

/** The resolved credentials of one login. */
interface Proof {
  readonly user: string;
  readonly pass: string;
  readonly accessToken: string;
  readonly encode: Encoder;
}

/**
 * Logs in. Resolves when the server has accepted the login. Rejects with the refusal of the server, or with
 * the error that stopped the login. If the server rejects a token, asks the token function once for a new
 * one.
 */
export async function logIn(method: Method, auth: Pop3Auth, context: LoginContext): Promise<void> {
  const { signal, connection } = context;
  const kind = secretOf(method);
  const proof: Proof = {
    user: auth.user ?? "",
    pass: kind === "password" ? await resolveSecret("password", auth.pass, signal) : "",
    accessToken: kind === "token" ? await resolveSecret("access token", auth.accessToken, signal) : "",
    encode: await encoderOf(auth.charset),
  };
  try {
    await prove(method, auth, proof, context);
  } catch (refusal) {
    const give = auth.accessToken;
    const lost = (): boolean => connection.failure !== undefined;
    if (kind !== "token" || typeof give !== "function" || !isRejection(refusal) || lost()) throw refusal;
    // The token may have just expired. Ask once for another, and pass on what the server said about this.
    const fresh = await resolveSecret("access token", () => give(refusal.oauth ?? {}), signal).catch(
      (error: unknown) => {
        // Many servers close the connection after a refusal. Then the refusal explains more.
        throw connection.closedByPeer ? refusal : error;
      },
    );
    if (fresh === proof.accessToken || lost()) throw refusal;
    await prove(method, auth, { ...proof, accessToken: fresh }, context);
  }
}

/** Returns whether the server rejected the credentials, and the refusal is not temporary. */
function isRejection(error: unknown): error is Pop3ReplyError {
  return error instanceof Pop3ReplyError && error.code === "POP3_AUTH_REJECTED";
}

/** Returns the given secret, or calls the given function for it. Stops waiting if `signal` is aborted. */
async function resolveSecret(what: string, given: unknown, signal: AbortSignal): Promise<string> {
  const secret = typeof given === "function" ? await untilAborted(signal, given as () => unknown) : given;
  if (typeof secret !== "string" || secret === "") {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} must be a non-empty string`);
  }
  return secret;
}

async function prove(method: Method, auth: Pop3Auth, proof: Proof, context: LoginContext): Promise<void> {
  const { connection, limits, signal, sasl, secrets } = context;
  const { user, pass, accessToken, encode } = proof;
  for (const secret of [pass, accessToken]) {
    // Also as PLAIN would send it: a server may convert one login into the other.
    if (secret !== "") secrets.add(secret, encode(secret).toString("latin1"), inPlain(user, encode(secret)));
  }
  const send = <T>(command: Command<T>): Promise<T> => connection.send(command, { signal });
  /**
   * Sends a command that contains credentials. If the server then closes the connection, it rejected them.
   */
  const sendProof = <T>(command: Command<T>): Promise<T> => asAuthClosed(connection, command, send(command));
  if (method === "USER") {
    // Build both commands before sending: if the password cannot be sent, send nothing.
    const inCharset = auth.charset === undefined ? undefined : encode;
    const first = commands.user(user, limits, inCharset, secrets);
    const second = commands.pass(pass, limits, inCharset);
    await send(first);
    await sendProof(second);
  } else if (method === "APOP") {
    await sendProof(commands.apop(user, context.apopDigest(pass), limits, secrets));
  } else {
    const credentials = { user, pass, accessToken, authzid: auth.authzid ?? "", encode };
    const exchange = await untilAborted(signal, () => method.start(credentials, sasl));
    await converse(method.name, exchange, auth.initialResponse ?? !takesTwoSteps(method.name, context), {
      limits,
      send,
      sendProof,
      close: (failure) => {
        connection.close(failure);
      },
      closedByPeer: () => connection.closedByPeer,
      signal,
      secrets,
    });
  }
}

/** Returns the message of PLAIN (RFC 4616) in base64. */
function inPlain(user: string, secret: Buffer): string {
  return Buffer.concat([Buffer.from(`\0${user}\0`), secret]).toString("base64");
}

/** Exchange Online closes the connection if `AUTH XOAUTH2` has the token on the same line. */
function takesTwoSteps(mechanism: string, { greeting, sasl }: LoginContext): boolean {
  return (
    mechanism === "XOAUTH2" &&
    (/Microsoft Exchange/i.test(greeting) || /(?:^|\.)(?:office365|outlook)\.[a-z.]+$/i.test(sasl.host))
  );
}

/**
 * Waits for the reply to a command that contains credentials. Some servers do not refuse a wrong password:
 * they close the connection without a reply. Then this rejects with `POP3_AUTH_CLOSED`.
 */
export async function asAuthClosed<T>(
  connection: Connection,
  { printable }: Command<T>,
  reply: Promise<T>,
): Promise<T> {
  try {
    return await reply;
  } catch (cause) {
    if (cause instanceof Pop3ReplyError || !connection.closedByPeer) throw cause;
    throw new Pop3ConnectionError(
      "POP3_AUTH_CLOSED",
      "the server closed the connection instead of replying to the login: the password or token may be wrong",
      { command: printable, cause },
    );
  }
}
