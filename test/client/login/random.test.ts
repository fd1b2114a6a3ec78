// Whatever a server answers, the login settles once with success or a typed error, and SCRAM sends its proof
// only after a valid request.
import fc from "../../support/fast-check.ts";
import { expect, test } from "vitest";
import { Pop3Client, Pop3Error, type Pop3Auth } from "../../../src/index.ts";
import { ScramServer } from "../../support/scram-server.ts";
import { expectNoProof, TOKEN } from "./attempt.ts";
import { duplexPair } from "../../support/duplex-pair.ts";
import { turns } from "../../support/turns.ts";
import { base64, SECRET, visible } from "../../support/secret.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

/** What is said to a line of the client: text as it is, or a message of SCRAM as it should be, or nearly. */
type Answer = { readonly say: string } | { readonly scram: "first" | "final"; readonly but?: string };

/** A server that gives the answers in their order, and closes when there are none left. */
class RandomServer {
  readonly socket;
  /** The lines of the client after the first CAPA. */
  readonly lines: string[] = [];
  /** Which of these lines answer a first message of SCRAM that is as it should be. */
  readonly invited: number[] = [];
  /** Whether the last message of SCRAM was as it should be. */
  proven = false;
  readonly #stream;
  readonly #answers: Answer[];
  #scram = newScram();

  constructor(answers: readonly Answer[]) {
    [this.socket, this.#stream] = duplexPair();
    this.#answers = [...answers];
    this.#stream.write(`+OK\r\n`);
    void this.#run();
  }

  async #run(): Promise<void> {
    let input = "";
    let listed = false;
    for await (const octets of this.#stream as AsyncIterable<Buffer>) {
      input += octets.toString("latin1");
      for (let end = input.indexOf("\r\n"); end !== -1; end = input.indexOf("\r\n")) {
        const line = input.slice(0, end);
        input = input.slice(end + 2);
        if (!listed) this.#stream.write(`+OK\r\nUSER\r\nSASL ${MECHANISMS.join(" ")}\r\n.\r\n`);
        else this.#answer(line);
        listed = true;
      }
    }
  }

  #answer(line: string): void {
    this.lines.push(line);
    const answer = this.#answers.shift();
    if (answer === undefined) this.#stream.end();
    else if ("say" in answer) this.#stream.write(Buffer.from(answer.say, "latin1"));
    else this.#stream.write(`+ ${this.#message(line, answer).toString("base64")}\r\n`);
    if (answer !== undefined && "say" in answer && !answer.say.endsWith("\r\n")) this.#stream.end();
  }

  #message(line: string, { scram, but }: Extract<Answer, { scram: string }>): Buffer {
    const message = Buffer.from(/^(?:AUTH \S+ )?(.*)$/.exec(line)?.[1] ?? "", "base64");
    let right: Buffer;
    try {
      if (scram === "first") this.#scram = newScram();
      right = this.#scram[scram](message);
    } catch {
      return Buffer.from("it is not your turn");
    }
    const wrong = but === undefined ? right : Buffer.from(DISTORTIONS[but]?.(right.toString()) ?? "");
    if (wrong.equals(right) && scram === "first") this.invited.push(this.lines.length);
    this.proven = wrong.equals(right) && scram === "final" && right.toString().startsWith("v=");
    return wrong;
  }
}

const newScram = (): ScramServer =>
  new ScramServer({
    digest: "sha256",
    pass: SECRET,
    salt: Buffer.from("salt"),
    iterations: 16,
    nonce: "server",
  });

const DISTORTIONS: Readonly<Record<string, (message: string) => string>> = {
  "few iterations": (message) => message.replace(/i=.*/, "i=1"),
  "many iterations": (message) => message.replace(/i=.*/, "i=4294967295"),
  "no salt": (message) => message.replace(/s=[^,]*/, "s="),
  "another nonce": (message) => message.replace(/r=./, "r=~"),
  "no nonce of its own": (message) => message.replace("server", ""),
  "an extension": (message) => `m=a,${message}`,
  "an error": () => "e=other-error",
  "another signature": (message) => message.replace(/v=./, "v=~"),
  nothing: () => "",
};

const MECHANISMS = [
  ...["SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"],
  ...["XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"],
];

/** A bar stands for the end of a line; text without a bar after it ends in the middle of a line. */
const HOT = [
  ..."+OK|;+OK welcome|;+|;+ |;-ERR no|;-ERR|;-ERR [SYS/TEMP] later|;-ERR [AUTH] no|".split(";"),
  ..."+ ===|;+ what?|;+ YQ==|;+ YQ|;nonsense|;|;*|;+OKAY|;+ok|;+ERR|;.|;+\0|;+ \xff\xfe|;+ \r|".split(";"),
  ..."+OK|+OK|;+ YQ==|+OK|;-ERR no|+OK|;+OK\n;+;+OK;+ YQ;-ERR;;\0;\r".split(";"),
  ...[
    '{"status":"400"}',
    "<1.2@mail.test>",
    "v=AAAA",
    "rspauth=a",
    "a,b=c",
    "\0",
    "r=,s=,i=",
    "Username:",
  ].map((challenge) => `+ ${base64(challenge)}|`),
  `+ ${base64('nonce="a",algorithm=md5-sess,charset=utf-8')}|`,
  `+ ${"YWFh".repeat(8000)}|`,
].map((text) => text.replaceAll("|", "\r\n"));

const say = fc.constantFrom(...HOT).map((text): Answer => ({ say: text }));
const right = fc.constantFrom<Answer>({ scram: "first" }, { scram: "final" });
const wrong = fc
  .tuple(fc.constantFrom("first" as const, "final" as const), fc.constantFrom(...Object.keys(DISTORTIONS)))
  .map(([scram, but]): Answer => ({ scram, but }));

interface Drawn {
  readonly given: readonly Answer[];
  readonly initialResponse: boolean;
}

/** After the last of them comes the answer to CAPA. */
const RIGHT: readonly Answer[] = [
  ...[{ say: "+ \r\n" }, { scram: "first" }, { scram: "final" }, { say: "+OK\r\n" }, { say: "-ERR\r\n" }],
] as const;
/** Anything; or SCRAM as it should be, up to some place. */
const drawn: fc.Arbitrary<Drawn> = fc.oneof(
  fc.record({
    given: fc.array(fc.oneof(say, say, right, wrong), { maxLength: 6 }),
    initialResponse: fc.boolean(),
  }),
  fc
    .record({
      count: fc.integer({ min: 1, max: RIGHT.length }),
      after: fc.array(fc.oneof(say, wrong), { maxLength: 3 }),
      initialResponse: fc.boolean(),
    })
    .map(({ count, after, initialResponse }) => ({
      given: [...RIGHT.slice(initialResponse ? 1 : 0, count), ...after],
      initialResponse,
    })),
);

interface Outcome {
  readonly server: RandomServer;
  readonly error: unknown;
  readonly state: string;
}

async function login(given: readonly Answer[], more: Partial<Pop3Auth>): Promise<Outcome> {
  const server = new RandomServer(given);
  const client = new Pop3Client({
    ...{ host: "127.0.0.1", secure: false, stls: "never", socket: server.socket },
  });
  await client.connect();
  let settled = 0;
  const call = client.authenticate({
    ...{ user: "ann", pass: SECRET, accessToken: TOKEN, scram: { minIterations: 16 } },
    ...more,
  });
  call.then(
    () => settled++,
    () => settled++,
  );
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const { state } = client;
  const count = server.lines.length;
  await turns(4);
  expect(settled).toBe(1);
  if (error !== undefined) expect(server.lines.length).toBe(count);
  expectNoProof(visible(error), server.lines);
  client.close();
  return { server, error, state };
}

const isOurs = (error: unknown): boolean => Pop3Error.is(error) && /^POP3_[A-Z_]+$/.test(error.code);

test("SCRAM: sends a proof only after a valid request, and succeeds only with the server's proof", async () => {
  let proofs = 0;
  let successes = 0;
  const property = fc.asyncProperty(drawn, async ({ given, initialResponse }) => {
    const { server, error, state } = await login(given, { mechanism: "SCRAM-SHA-256", initialResponse });
    for (const [index, line] of server.lines.entries()) {
      const said = Buffer.from(line.replace(/^AUTH \S+ ?/, ""), "base64").toString();
      expect(said).not.toContain(SECRET);
      if (!said.includes(",p=")) continue;
      proofs++;
      expect(server.invited).toContain(index);
    }
    if (error === undefined) {
      successes++;
      expect(server.proven).toBe(true);
      expect(["transaction", "closed"]).toContain(state);
    } else {
      expect(isOurs(error)).toBe(true);
      expect(["authorization", "closed"]).toContain(state);
    }
  });
  await fc.assert(property, { seed: 5802, numRuns: 600 });
  // The servers are not so random that nothing ever gets so far.
  expect(proofs).toBeGreaterThan(30);
  expect(successes).toBeGreaterThan(3);
});

test("every mechanism: settles with success or a typed error", async () => {
  const mechanism = fc.constantFrom("USER", ...MECHANISMS);
  const property = fc.asyncProperty(drawn, mechanism, async ({ given, initialResponse }, name) => {
    const { server, error, state } = await login(given, { mechanism: name, initialResponse });
    expect(server.lines.length).toBeLessThan(20);
    if (error === undefined) expect(["transaction", "closed"]).toContain(state);
    else {
      expect(isOurs(error)).toBe(true);
      expect(["authorization", "closed"]).toContain(state);
    }
  });
  await fc.assert(property, { seed: 5034, numRuns: 600 });
});
