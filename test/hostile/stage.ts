// The server of a row: a script, the embedded server or a raw one, with everything that the client wrote to
// it.
import { expect } from "vitest";
import type { Pop3ClientOptions } from "popwright";
import { Pop3Server, type Pop3ServerOptions } from "popwright/testing";
import { said } from "../support/ann.ts";
import { ScriptedServer, type Script, type Step } from "../support/scripted-server.ts";
import { SECRET } from "../support/secret.ts";
import { certificate } from "../support/certificate.ts";
import { until } from "../support/turns.ts";
import type { Case } from "./row.ts";

export interface Stage extends AsyncDisposable {
  /** Options for the server, without `auth`. */
  readonly options: Pop3ClientOptions;
  /** What the client wrote without TLS, and within it; the lines of the embedded server have no secrets. */
  readonly clear: string;
  readonly secure: string;
  /** Lets a script continue after `"* wait"`. */
  goOn(): void;
  /** Resolves when what the client has written matches. */
  wrote(pattern: RegExp): Promise<void>;
  /** Resolves when the client has said all that a script expects. */
  said(): Promise<void>;
  /** Resolves when the client has closed. Rejects if it sent less or more than the script expects. */
  over(): Promise<void>;
}

/** One message of 22 octets, and two more. */
export const MESSAGES: readonly string[] = [
  "Subject: one\r\n\r\nOne.\r\n",
  "Subject: two\r\n\r\nTwo.\r\n",
  "Subject: three\r\n\r\nThree.\r\n",
];

const HOST = { host: "127.0.0.1", tls: { ca: certificate.cert } } as const;

/** `last` is said by a client whose session is to be alive: it is added to a script. */
export async function openStage({ server, ...row }: Case, last: readonly string[]): Promise<Stage> {
  if (typeof server === "function") return rawStage(server, row);
  if (isScript(server)) return scriptStage([...server, ...last], row);
  return embeddedStage(server, row);
}

function isScript(server: readonly Step[] | Pop3ServerOptions): server is readonly Step[] {
  return Array.isArray(server);
}

async function scriptStage(script: readonly Step[], { how }: Pick<Case, "how">): Promise<Stage> {
  const server = await ScriptedServer.listen(script, { tls: certificate, ...how });
  const due = script.filter((step) => !Buffer.isBuffer(step) && !/^(?:S: |\* )/.test(String(step))).length;
  const lines = (): string[] => {
    // The octets of a failed handshake are in `clear`, but they are not a line.
    const clear = script.includes("* octets") ? server.clear.replace(/\x16\x03[^]*$/, "") : server.clear;
    return linesOf(`${clear}${server.secure}`);
  };
  return {
    options: { ...HOST, port: server.port, secure: false },
    get clear() {
      return server.clear;
    },
    get secure() {
      return server.secure;
    },
    goOn: () => server.goOn(),
    wrote: (pattern) => server.wrote(pattern),
    said: () => until(() => server.connections > 0 && lines().length >= due),
    over: async () => {
      await server.played();
      expect(lines(), "what the client wrote").toHaveLength(due);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function embeddedStage(options: Pop3ServerOptions, { told }: Pick<Case, "told">): Promise<Stage> {
  const server = await Pop3Server.listen({
    users: { ann: { pass: SECRET, messages: MESSAGES } },
    stls: certificate,
    ...options,
  });
  const lines = (): string[] => said(server).map((line) => line.replace(/^C: /, ""));
  return {
    options: { host: server.host, port: server.port, tls: { ca: server.ca }, secure: server.secure },
    get clear() {
      return lines().join("\n");
    },
    secure: "",
    goOn: () => undefined,
    wrote: (pattern) => until(() => pattern.test(lines().join("\r\n"))),
    said: () => Promise.resolve(),
    over: async () => {
      await server.idle();
      expectTold(lines(), told);
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function rawStage(
  script: Script,
  { protection = "plain", told }: Pick<Case, "protection" | "told">,
): Promise<Stage> {
  const server = await ScriptedServer.listen(script, protection);
  const lines = (): string[] => server.peers.flatMap(({ commands }) => commands);
  const { tls, secure = false } = server.options();
  return {
    options: { ...HOST, ...(tls !== undefined && { tls }), port: server.port, secure },
    get clear() {
      return protection === "tls" ? "" : lines().join("\r\n");
    },
    get secure() {
      return protection === "tls" ? lines().join("\r\n") : "";
    },
    goOn: () => undefined,
    wrote: (pattern) => until(() => pattern.test(lines().join("\r\n"))),
    said: () => Promise.resolve(),
    over: async () => {
      await Promise.all(server.peers.map(({ gone }) => gone));
      expectTold(lines(), told);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function linesOf(text: string): string[] {
  const lines = text.split("\r\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function expectTold(lines: readonly string[], told: Case["told"]): void {
  if (told === undefined) return;
  expect(lines, "what the client wrote").toEqual(
    told.map((line) => (typeof line === "string" ? line : (expect.stringMatching(line) as string))),
  );
}
