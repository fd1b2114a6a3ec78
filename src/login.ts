// Logs in by one method: POP3's own, or a SASL exchange of challenges and responses (RFC 5034).
import type { Method } from "./auth/choice.ts";
import type { SaslExchange, SaslMechanism } from "./auth/mechanism.ts";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "./errors.ts";
import type { Connection } from "./net/connection.ts";
import { aborted } from "./net/failures.ts";
import { settle } from "./net/settle.ts";
import type { Pop3Auth, Pop3Limits, Secret } from "./options.ts";
import * as commands from "./protocol/commands.ts";
import type { Command } from "./protocol/commands.ts";
import type { Reply } from "./protocol/reply.ts";

export interface LoginContext {
  readonly limits: Pop3Limits;
  /** APOP's digest of a secret, for the timestamp of the greeting. */
  readonly apopDigest: (secret: string) => string;
  /** Is aborted when the session is closed, too. */
  readonly signal: AbortSignal;
}

/** Resolves when the server has let the user in. Rejects with its refusal, or with what was wrong on the way. */
export async function logIn(
  connection: Connection,
  method: Method,
  auth: Pop3Auth,
  context: LoginContext,
): Promise<void> {
  const { limits, signal } = context;
  const pass = await secretOf(auth.pass, signal);
  const secrets = [pass, encode(Buffer.from(pass, "utf8"))];
  /** Sends a command of the login, behind which no reply is printed with the password in it. */
  const send = <T>(command: Command<T>): Promise<T> => {
    return connection.send(commands.withSecrets(command, secrets), { signal });
  };
  if (method === "USER") {
    // Both are made before one is sent: a password that cannot be sent rejects first.
    const [user, password] = [commands.user(auth.user, limits), commands.pass(pass, limits)];
    await send(user);
    await send(password);
  } else if (method === "APOP") {
    await send(commands.apop(auth.user, context.apopDigest(pass), limits));
  } else {
    const exchange = method.start({ user: auth.user, pass, authzid: auth.authzid ?? "" });
    await converse({ connection, send, ...context }, method, exchange, auth.initialResponse ?? true);
  }
}

/** The password: given, or asked for; a function that never answers does not hold the login up for ever. */
async function secretOf(given: Secret, signal: AbortSignal): Promise<string> {
  const secret: unknown =
    typeof given === "string"
      ? given
      : await settle<unknown>(signal, undefined, (resolve, reject) => {
          Promise.resolve().then(given).then(resolve, reject);
          return () => undefined;
        });
  if (typeof secret !== "string" || secret === "") {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", "the password is no string, or an empty one");
  }
  return secret;
}

interface Conversation extends LoginContext {
  readonly connection: Connection;
  readonly send: <T>(command: Command<T>) => Promise<T>;
}

/** AUTH, and a response to each challenge until the server has seen enough. */
async function converse(
  conversation: Conversation,
  { name }: SaslMechanism,
  exchange: SaslExchange,
  initialResponse: boolean,
): Promise<void> {
  const { limits, send } = conversation;
  let unsent = exchange.initial;
  let inline: string | undefined;
  if (unsent !== undefined && initialResponse) {
    const encoded = encode(unsent) || "=";
    // RFC 5034 section 4: only where the line keeps its limit. Otherwise the server asks for it.
    if (`AUTH ${name} ${encoded}\r\n`.length <= limits.commandLine) {
      inline = encoded;
      unsent = undefined;
    }
  }
  let reply: Reply = await send(commands.auth(name, inline, limits));
  for (let challenges = 1; reply.status === "continue"; challenges++) {
    let response: Buffer;
    try {
      if (challenges > limits.challenges) {
        throw new Pop3Error(
          "POP3_AUTH_PROTOCOL",
          `the server sent more than ${String(limits.challenges)} challenges`,
        );
      }
      const challenge = decode(
        reply.text,
        limits.challenge,
        exchange.promptsOnly === true || unsent !== undefined,
      );
      response = unsent ?? exchange.respond(challenge);
      unsent = undefined;
    } catch (error) {
      await cancel(conversation);
      throw error;
    }
    reply = await respond(conversation, encode(response));
  }
}

/** Answers a challenge. Given up before that, it ends the session: the server would take what comes next for the answer. */
function respond({ connection, send, signal }: Conversation, response: string): Promise<Reply> {
  if (signal.aborted) connection.close(aborted(signal));
  return send(commands.authResponse(response));
}

/** Gives AUTH up with `*`. The server has to refuse it then; one that says `+OK` has let in nobody knows whom. */
async function cancel(conversation: Conversation): Promise<void> {
  try {
    await respond(conversation, "*");
  } catch (error) {
    if (error instanceof Pop3ReplyError) return;
    throw error;
  }
  const failure = new Pop3ProtocolError(
    "POP3_PROTOCOL",
    "the server went on with an authentication that was cancelled",
  );
  conversation.connection.close(failure);
  throw failure;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function encode(octets: Buffer): string {
  return octets.toString("base64");
}

function decode(challenge: string, limit: number, prompt: boolean): Buffer {
  if (challenge.length > Math.ceil(limit / 3) * 4) {
    throw new Pop3Error("POP3_CHALLENGE_TOO_LARGE", `a challenge is larger than ${String(limit)} octets`);
  }
  if (BASE64.test(challenge)) return Buffer.from(challenge, "base64");
  // Where the challenge is a prompt at most, some servers write words there.
  if (prompt) return Buffer.alloc(0);
  throw new Pop3Error("POP3_AUTH_PROTOCOL", "a challenge is not base64");
}
