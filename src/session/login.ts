// Logs in by one method, with what proves who the user is: given, or asked for at the last moment.
import type { Pop3Auth } from "../options/auth.ts";
import { secretOf, type Method } from "../auth/choice.ts";
import type { SaslContext } from "../auth/mechanism.ts";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../errors.ts";
import type { Connection } from "../net/connection.ts";
import { untilAborted } from "../net/settle.ts";
import type { Pop3Limits } from "../options/client.ts";
import * as commands from "../protocol/commands.ts";
import type { Command } from "../protocol/commands.ts";
import { converse } from "./sasl.ts";
import { encoderOf, type Encoder } from "./text-encoder.ts";

export interface LoginContext {
  readonly connection: Connection;
  readonly limits: Pop3Limits;
  /** APOP's digest of a secret, for the timestamp of the greeting. */
  readonly apopDigest: (secret: string) => string;
  /** What a SASL mechanism may know of the connection. */
  readonly sasl: SaslContext;
  /** What the greeting said. */
  readonly greeting: string;
  /** Is aborted when the session is closed, too. */
  readonly signal: AbortSignal;
}

/** What a login is made of. */
interface Proof {
  readonly user: string;
  readonly pass: string;
  readonly accessToken: string;
  readonly encode: Encoder;
}

/** Resolves when the server has let the user in. Rejects with its refusal, or with what was wrong on the way. */
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
    // It may have expired a moment ago. Who gives tokens out is told what was wrong with this one, once.
    const fresh = await resolveSecret("access token", () => give(refusal.oauth ?? {}), signal).catch(
      (error: unknown) => {
        // Many a server closes behind a refusal: that is what the caller has to know of.
        throw connection.closedByPeer ? refusal : error;
      },
    );
    if (fresh === proof.accessToken || lost()) throw refusal;
    await prove(method, auth, { ...proof, accessToken: fresh }, context);
  }
}

/** Whether the server has refused what was shown, and not for now alone. */
function isRejection(error: unknown): error is Pop3ReplyError {
  return error instanceof Pop3ReplyError && error.code === "POP3_AUTH_REJECTED";
}

/** A secret: given, or asked for; a function that never answers does not hold the login up for ever. */
async function resolveSecret(what: string, given: unknown, signal: AbortSignal): Promise<string> {
  const secret = typeof given === "function" ? await untilAborted(signal, given as () => unknown) : given;
  if (typeof secret !== "string" || secret === "") {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} is no string, or an empty one`);
  }
  return secret;
}

async function prove(method: Method, auth: Pop3Auth, proof: Proof, context: LoginContext): Promise<void> {
  const { connection, limits, signal, sasl } = context;
  const { user, pass, accessToken, encode } = proof;
  const secrets = [pass, accessToken]
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, encode(secret).toString("latin1"), encode(secret).toString("base64")]);
  /** Sends a command of the login, behind which no reply is printed with a secret in it. */
  const send = <T>(command: Command<T>): Promise<T> =>
    connection.send(commands.withSecrets(command, secrets), { signal });
  /** The same, with a proof in the command: who closes the connection on it has answered. */
  const sendProof = <T>(command: Command<T>): Promise<T> => asAuthClosed(connection, command, send(command));
  if (method === "USER") {
    // Both are made before one is sent: a password that cannot be sent rejects first.
    const inCharset = auth.charset === undefined ? undefined : encode;
    const first = commands.user(user, limits, inCharset);
    const second = commands.pass(pass, limits, inCharset);
    await send(first);
    await sendProof(second);
  } else if (method === "APOP") {
    await sendProof(commands.apop(user, context.apopDigest(pass), limits));
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
    });
  }
}

/** Exchange Online closes the connection on `AUTH XOAUTH2` with a token behind it. */
function takesTwoSteps(mechanism: string, { greeting, sasl }: LoginContext): boolean {
  return (
    mechanism === "XOAUTH2" &&
    (/Microsoft Exchange/i.test(greeting) || /(?:^|\.)(?:office365|outlook)\.[a-z.]+$/i.test(sasl.host))
  );
}

/**
 * The reply to a command with a proof in it. Some servers close the connection on a wrong password, and say nothing:
 * then it rejects with `POP3_AUTH_CLOSED`.
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
      "the server closed the connection in place of an answer to the login: a wrong password, perhaps",
      { command: printable, cause },
    );
  }
}
