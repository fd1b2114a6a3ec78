// The client's side of SCRAM (RFC 5802 section 3), in its shortest form, to test the server's side.
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Session } from "../../src/testing/session.ts";
import { challengeOf, hear } from "./dialogue.ts";

export interface ScramClient {
  readonly mechanism: string;
  readonly pass: string;
  /** @default "n,," */
  readonly header?: string;
  /** @default "n=ann,r=abc" */
  readonly bare?: string;
  readonly binding?: Buffer;
  /** Changes the client-final-message, without its proof. */
  readonly final?: (message: string) => string;
  /** What is said to the server-final-message. @default nothing */
  readonly answer?: string;
}

const base64 = (octets: Buffer | string): string => Buffer.from(octets).toString("base64");

/** Both messages of the client; `serverSignature` is what the server must show. */
export function clientFinal(
  { mechanism, pass, header = "n,,", bare = "n=ann,r=abc", binding, final }: ScramClient,
  serverFirst: string,
): { readonly message: string; readonly serverSignature: string } {
  const hash = `sha${/SHA-(\d+)/.exec(mechanism)?.[1] ?? ""}`;
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
  const of = (name: string): string => new RegExp(`(?:^|,)${name}=([^,]*)`).exec(serverFirst)?.[1] ?? "";
  const cbind = base64(Buffer.concat([Buffer.from(header), binding ?? Buffer.alloc(0)]));
  const honest = `c=${cbind},r=${of("r")}`;
  const withoutProof = final === undefined ? honest : final(honest);
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const octets = createHash(hash).digest().length;
  const salted = pbkdf2Sync(pass, Buffer.from(of("s"), "base64"), Number(of("i")), octets, hash);
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash(hash).update(clientKey).digest(), authMessage);
  const proof = base64(clientKey.map((octet, index) => octet ^ (signature[index] ?? 0)) as Buffer);
  return {
    message: `${withoutProof},p=${proof}`,
    serverSignature: base64(hmac(hmac(salted, "Server Key"), authMessage)),
  };
}

/** What the server says to each message of the client, base64 undone; `proven` stands for the right signature. */
export function scramDialogue(session: Session, client: ScramClient): string[] {
  const said: string[] = [];
  const ask = (line: string): string => {
    const [reply = ""] = hear(session, `${line}\r\n`);
    said.push(reply.startsWith("S: + ") ? challengeOf(reply) : reply.slice(3));
    return reply;
  };
  const { header = "n,,", bare = "n=ann,r=abc" } = client;
  const first = ask(`AUTH ${client.mechanism} ${base64(header + bare)}`);
  if (!first.startsWith("S: + ")) return said;
  const { message, serverSignature } = clientFinal(client, challengeOf(first));
  const second = ask(base64(message));
  if (!second.startsWith("S: + ")) return said;
  if (said[1] === `v=${serverSignature}`) said[1] = "proven";
  ask(client.answer ?? "");
  return said;
}
