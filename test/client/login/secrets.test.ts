// A secret appears only on the wire: in no error, log line, trace or inspection, in none of its encodings.
import { tracingChannel } from "node:diagnostics_channel";
import createDebug from "debug";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apopDigest, Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../../src/index.ts";
import { listen, offering, offeringApop, to, toScript } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { base64, expectNoSecret, FORMS, SECRET, TIMESTAMP, visible } from "../../support/secret.ts";

stopClocks();

const auth = { user: "ann", pass: SECRET };

const log: string[] = [];

const traces: unknown[] = [];

const trace = (message: unknown): void => void traces.push(message);

const subscriber = { start: trace, end: trace, asyncStart: trace, asyncEnd: trace, error: trace };

const channels = ["popwright:command", "popwright:session"].map((name) => tracingChannel(name));

const original = createDebug.log;

beforeEach(() => {
  log.length = 0;
  traces.length = 0;
  createDebug.log = (...args: unknown[]) => void log.push(args.map(String).join(" "));
  createDebug.enable("popwright:*");
  for (const channel of channels) channel.subscribe(subscriber);
});

afterEach(() => {
  createDebug.disable();
  createDebug.log = original;
  for (const channel of channels) channel.unsubscribe(subscriber);
  expectNoSecret(log.join("\n"), "the log");
  expectNoSecret(visible(traces), "the traces");
});

/** How, what the server offers, the script, and the line in which the secret goes out. */
const WAYS: [string, Partial<Pop3Auth>, string[], Step[], string][] = [
  ["USER and PASS", {}, ["USER"], ["C: USER ann", "S: +OK", /^PASS /], `PASS ${SECRET}`],
  ["PLAIN", {}, ["SASL PLAIN"], [/^AUTH PLAIN ./], `AUTH PLAIN ${base64(`\0ann\0${SECRET}`)}`],
  [
    "PLAIN in two steps",
    { initialResponse: false, authzid: "bob" },
    ["SASL PLAIN"],
    [/^AUTH PLAIN$/, "S: + ", /./],
    base64(`bob\0ann\0${SECRET}`),
  ],
  ["LOGIN", {}, ["SASL LOGIN"], [/^AUTH LOGIN$/, "S: + VXNlcg==", /./, "S: + UGFzcw==", /./], base64(SECRET)],
  ["APOP", { mechanism: "APOP" }, [], [/^APOP ann /], `APOP ann ${apopDigest(TIMESTAMP, SECRET)}`],
];

describe.each(WAYS)("%s", (_, given, capabilities, lines, line) => {
  const OUTCOMES: [string, Step[]][] = [
    ["is accepted", ["S: +OK", "C: CAPA", "S: -ERR"]],
    ["is refused", ["S: -ERR [AUTH] wrong"]],
    ["gets an invalid reply", ["S: nonsense"]],
    ["gets one challenge too many", ["S: + YQ==", "* octets"]],
    ["gets FIN", ["* close"]],
    ["gets RST", ["* reset"]],
    ["gets no answer", []],
  ];

  test.each(OUTCOMES)("shows no secret if it %s", async (outcome, steps) => {
    await using server = await ScriptedServer.listen([
      ...(given.mechanism === "APOP" ? offeringApop : offering)(...capabilities),
      ...lines,
      ...steps,
    ]);
    const options: Pop3ClientOptions = toScript(server, {
      auth: { ...auth, ...given },
    });
    const client = new Pop3Client(options);
    const error: unknown = await timePasses(client.connect()).catch((thrown: unknown) => thrown);
    expect(error === undefined).toBe(outcome === "is accepted");
    expectNoSecret(visible(error));
    expectNoSecret(visible(client));
    client.close();
    expectNoSecret(visible(client));
    expectNoSecret(visible(await client.stat().catch((thrown: unknown) => thrown)));
    // It is the wire that it went over, and the log that was on.
    expect(FORMS.some((form) => server.clear.includes(form))).toBe(true);
    expect(log.join("\n")).toContain("****");
    expect(visible(traces)).toContain("****");
  });

  test("shows no secret if it is aborted", async () => {
    await using server = await ScriptedServer.listen([
      ...(given.mechanism === "APOP" ? offeringApop : offering)(...capabilities),
      ...lines,
    ]);
    const controller = new AbortController();
    const client = new Pop3Client(toScript(server, { auth: { ...auth, ...given } }));
    const call = client.connect({ signal: controller.signal }).catch((thrown: unknown) => thrown);
    await server.wrote(/(?:PASS|PLAIN|LOGIN|APOP).*\r\n/);
    controller.abort();
    expectNoSecret(visible(await call));
    expectNoSecret(visible(client));
  });

  test.each([
    ["the client's line", line],
    ["the secret", SECRET],
  ])("shows no secret if the refusal repeats %s", async (__, repeated) => {
    await using server = await ScriptedServer.listen([
      ...(given.mechanism === "APOP" ? offeringApop : offering)(...capabilities),
      ...lines,
      `S: -ERR I do not understand "${repeated}", sorry`,
    ]);
    const client = new Pop3Client(toScript(server, { auth: { ...auth, ...given } }));
    const error: unknown = await client.connect().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expectNoSecret(visible(error));
    expectNoSecret(visible(client));
  });
});

test("shows no secret by hand, if refusals repeat the client's lines", async () => {
  const digest = apopDigest(TIMESTAMP, SECRET);
  await using server = await ScriptedServer.listen([
    ...offeringApop("USER", "SASL PLAIN"),
    ...["C: USER ann", "S: +OK", /^PASS/, `S: -ERR what is "PASS ${SECRET}"?`],
    ...[/^APOP/, `S: -ERR what is "APOP ann ${digest}"?`],
    ...[/^APOP/, `S: -ERR it is not ${SECRET}`],
    ...[/^AUTH PLAIN/, `S: -ERR what is "AUTH PLAIN ${base64(`\0ann\0${SECRET}`)}"?`],
    ...["C: USER ann", "S: +OK", /^PASS/, `S: +OK welcome, ${SECRET}`, "C: CAPA", "S: -ERR"],
  ]);
  const client = await Pop3Client.connect(toScript(server));
  const calls: (() => Promise<void>)[] = [
    () => client.user("ann").then(() => client.pass(SECRET)),
    () => client.apop("ann", SECRET),
    () => client.apop("ann", SECRET),
    () => client.authenticate({ ...auth, mechanism: "PLAIN" }),
  ];
  for (const call of calls) {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expectNoSecret(visible(error));
  }
  await client.user("ann");
  await client.pass(SECRET);
  expectNoSecret(visible(client));
  client.close();
  await server.played();
});

test("shows no secret in errors about invalid replies that repeat the client's line", async () => {
  for (const reply of [`PASS ${SECRET}`, `+OKAY ${SECRET}`, `+OK\r\nPASS ${SECRET}`]) {
    await using server = await ScriptedServer.listen([
      ...offering("USER"),
      ...["C: USER ann", "S: +OK", /^PASS/, `S: ${reply}`],
    ]);
    const client = new Pop3Client(toScript(server, { auth }));
    expectNoSecret(visible(await client.connect().catch((thrown: unknown) => thrown)));
    expectNoSecret(visible(await client.stat().catch((thrown: unknown) => thrown)));
  }
});

describe("before anything is sent, no secret appears in the error for", () => {
  const options: [string, unknown][] = [
    ["an invalid host", { host: "mail test", auth }],
    ["an unknown limit", { host: "mail.test", auth, limits: { lines: 1 } }],
    ["an unknown mechanism", { host: "mail.test", auth: { ...auth, mechanism: 5 } }],
    ["no user", { host: "mail.test", auth: { ...auth, user: "" } }],
    ["a URL with a path", `pop3s://ann:${encodeURIComponent(SECRET)}@mail.test/inbox`],
    ["text that is not a URL", `pop3s://ann:${encodeURIComponent(SECRET)}@mail test`],
    ["a URL of another protocol", `http://ann:${encodeURIComponent(SECRET)}@mail.test`],
    ["a URL with an invalid escape", `pop3s://ann%zz:${encodeURIComponent(SECRET)}@mail.test`],
    ["a URL with a parameter", `pop3s://ann:${encodeURIComponent(SECRET)}@mail.test?a=b`],
    ["a URL with the secret in the wrong place", `pop3s://mail.test?pass=${encodeURIComponent(SECRET)}`],
  ];

  test.each(options)("%s", (_, given) => {
    let error: unknown;
    try {
      visible(new Pop3Client(given as Pop3ClientOptions));
    } catch (thrown) {
      error = thrown;
    }
    expectNoSecret(visible(error));
  });

  test("a client that has not connected shows no secret", () => {
    const client = new Pop3Client({ host: "mail.test", auth });
    client.on("close", () => undefined);
    expectNoSecret(visible(client));
    expectNoSecret(JSON.stringify(client));
    expectNoSecret(visible(Object.entries(client)));
  });

  test("arguments of manual commands show no secret", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    const calls: (() => Promise<unknown>)[] = [
      () => client.pass(`${SECRET}\r\n`),
      () => client.pass(SECRET.repeat(20)),
      () => client.apop("an n", SECRET),
      () => client.apop("a".repeat(250), SECRET),
      () => client.command(`PASS ${SECRET}`),
      () => client.command(`XTND ${SECRET}\n`),
      () => client.command(`XTND ${SECRET.repeat(20)}`),
      () => client.command(`XTND ${SECRET}`),
      () => client.authenticate({ user: "ann", pass: `${SECRET}\0`, mechanism: "PLAIN" }),
      () => client.authenticate({ user: "ann", pass: `${SECRET}\n`, mechanism: "USER" }),
      () => client.authenticate({ user: "ann", pass: SECRET, mechanism: "X-UNHEARD" }),
    ];
    for (const call of calls) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: expect.stringMatching(/^POP3_/) as string });
      expectNoSecret(visible(error));
    }
    expectNoSecret(visible(client));
  });
});

test("a connection that fails shows no secret", async () => {
  const lookup = (
    _: string,
    __: unknown,
    found: (error: NodeJS.ErrnoException | null, addresses: []) => void,
  ): void => {
    found(new Error("ENOTFOUND"), []);
  };
  const client = new Pop3Client({ host: "mail.test", auth, lookup });
  expectNoSecret(visible(await client.connect().catch((thrown: unknown) => thrown)));
  expectNoSecret(visible(client));
});

test("a certificate that is not accepted shows no secret", async () => {
  await using server = await listen({ tls: true });
  const client = new Pop3Client(to(server, { tls: {}, auth }));
  expectNoSecret(visible(await client.connect().catch((thrown: unknown) => thrown)));
  expectNoSecret(visible(client));
});

test("a key of the client shows no secret", async () => {
  await using server = await listen({ tls: true });
  const passphrase = SECRET;
  const client = new Pop3Client(to(server, { tls: { ca: server.ca, passphrase }, auth }));
  expectNoSecret(visible(await client.connect().catch((thrown: unknown) => thrown)));
  expectNoSecret(visible(client));
  client.close();
});
