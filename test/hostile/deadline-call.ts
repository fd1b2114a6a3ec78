// Calls whose responses a test writes while simulated time passes.
import { setImmediate as turn } from "node:timers/promises";
import { vi } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type Pop3Error } from "popwright";
import { SECRET } from "../support/secret.ts";
import { LOGIN_ANSWERS, MemoryServer, type Answers } from "../support/memory-server.ts";

export const SECOND = 1000;

/** Lets what has come be read. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await turn();
}

/** A call, and the session in which it is made. */
export interface Call {
  readonly run: (client: Pop3Client) => Promise<unknown>;
  /** What the server answers, to `connect` or after it. */
  readonly answers?: Answers;
  /** Whether the session is logged in. @default true */
  readonly login?: boolean;
  readonly greeting?: string;
  readonly options?: Partial<Pop3ClientOptions>;
  /** The line that has no answer by itself. @default what is said first */
  readonly on?: RegExp;
  /** What is said to it; the states are those of what comes next. */
  readonly reply?: string;
}

export const auth = (mechanism: string): Partial<Pop3ClientOptions> => ({
  auth: { user: "ann", pass: SECRET, mechanism },
});
export const connect = (client: Pop3Client): Promise<void> => client.connect();
export interface Begun {
  readonly server: MemoryServer;
  readonly client: Pop3Client;
  /** What became of the call by now. */
  readonly outcome: () => string | undefined;
  readonly error: () => Pop3Error | undefined;
}

/** Calls, and says `head` when the line that has no answer is said. */
export async function begin(
  { run, on = /./, greeting: hello, options, answers = {}, login = true, reply }: Call,
  head: string,
): Promise<Begun> {
  const server = new MemoryServer(run === connect ? answers : LOGIN_ANSWERS, hello);
  const client = new Pop3Client({ ...server.options, ...(login ? auth("USER") : {}), ...options });
  let said = 0;
  if (run !== connect) {
    await client.connect();
    said = server.lines.length;
    server.silence(answers);
  }
  let outcome: string | undefined;
  let error: Pop3Error | undefined;
  run(client).then(
    () => (outcome = "resolved"),
    (thrown: unknown) => {
      error = thrown as Pop3Error;
      outcome = error.code;
    },
  );
  while (hello !== "" && !server.lines.slice(said).some((text) => on.test(text))) await turn();
  if (reply !== undefined) {
    server.silence();
    server.say(reply);
  }
  await settle();
  await settle();
  server.say(head);
  await settle();
  return { server, client, outcome: () => outcome, error: () => error };
}

/** Lets time pass, in which the server sends what `octets` gives in each step. */
export async function pass(
  server: MemoryServer,
  milliseconds: number,
  step: number,
  octets: string,
): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) {
    vi.advanceTimersByTime(Math.min(step, milliseconds - passed));
    server.say(octets);
    await settle();
  }
}

export const repeated = (text: string, octets: number): string =>
  text.repeat(Math.ceil(octets / text.length)).slice(0, octets);
