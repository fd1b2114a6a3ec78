// `Pop3Client.verify` finds what `popwright check` finds; `explain` and `wellKnown` give the advice of the command line.
import { describe, expect, test } from "vitest";
import { explain, Pop3Client, Pop3Error, wellKnown } from "../../../src/index.ts";
import { PROVIDERS, providerAt } from "../../../src/advice/providers.ts";
import { crlf, Pop3Server } from "../../../src/testing/index.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { expectNoSecret, SECRET, visible } from "../../support/secret.ts";

const serve = (): Promise<Pop3Server> =>
  Pop3Server.listen({
    users: {
      ann: { pass: SECRET, messages: ["1", "2", "3"].map((text) => crlf(`Subject: ${text}\n\n${text}`)) },
    },
  });

test("a report of all steps, which change nothing", async () => {
  await using server = await serve();
  const report = await Pop3Client.verify(server.options("ann"), { pipelining: true });
  expect(report.ok).toBe(true);
  expect(report.steps.map(({ name, ok }) => [name, ok])).toEqual(
    ["connection", "greeting", "capabilities", "login", "mailbox", "unique-ids", "pipelining", "end"].map(
      (name) => [name, true],
    ),
  );
  expect(report.facts).toMatchObject({
    tls: { stls: true },
    login: true,
    mechanism: expect.stringMatching(/^[A-Z0-9-]+$/) as string,
    messages: 3,
    uids: "unique",
    pipelining: "on",
  });
  expect(report.error).toBeUndefined();
  expect(server.maildrop("ann").messages.length).toBe(3);
  expectNoSecret(visible(report));
});

test("without a login it stops before it", async () => {
  await using server = await serve();
  const { auth: _auth, ...options } = server.options("ann");
  const { ok, facts } = await Pop3Client.verify(options);
  expect([ok, facts["login"]]).toEqual([true, false]);
});

test("a failure is the last step, with advice in the words of the library", async () => {
  await using server = await serve();
  const options = { ...server.options("ann"), auth: { user: "ann", pass: `${SECRET}-x` } };
  const report = await Pop3Client.verify(options);
  expect(report).toMatchObject({ ok: false, error: { code: "POP3_AUTH_REJECTED" } });
  const last = report.steps.at(-1);
  expect(last).toMatchObject({ name: "login", ok: false, error: report.error });
  expect(last?.notes.join(" ")).toContain("password");
  expectNoSecret(visible(report));

  const { tls: _tls, ...distrusting } = server.options("ann");
  const { steps } = await Pop3Client.verify(distrusting);
  expect(steps.map(({ name, ok }) => [name, ok])).toEqual([["connection", false]]);
  expect(steps[0]?.notes.join(" ")).toContain("tls.ca");
  expect(steps[0]?.notes.join(" ")).not.toContain("--ca");
});

test("the steps come one by one, and leaving them ends the session", async () => {
  await using server = await serve();
  for await (const step of Pop3Client.verifySteps(server.options("ann"))) if (step.name === "login") break;
  await server.idle();
  expect(server.connections).toBe(1);
  expect(await codeOf(Pop3Client.verify({ host: "" }))).toBe("POP3_CONFIG");
  const aborted = await Pop3Client.verify(server.options("ann"), { signal: AbortSignal.abort() });
  expect(aborted.error?.code).toBe("POP3_ABORTED");
});

describe("explain", () => {
  test("knows the words of servers, and what the provider wants", async () => {
    const refusal = "[AUTH] Web login required: https://support.google.com/mail/answer/78754";
    await using server = await Pop3Server.listen({ users: { ann: { pass: "secret", refusal } } });
    const error = await failureOf(Pop3Client.connect(server.options("ann")));
    const { problem, advice, meaning } = explain(error, { host: "pop.gmail.com", user: "ann" });
    expect(problem).toBe(`${error.message} (${error.code})`);
    expect(meaning).toMatchObject({ id: "google-web-login", temporary: false });
    expect(advice[0]).toMatch(/^Gmail: /);
    expect(advice.at(-1)).toBe("Gmail requires the full address as the user name.");
  });

  test("takes any error", () => {
    expect(explain(new Error("x"))).toEqual({ problem: "x", advice: [], meaning: undefined });
    expect(explain("x").problem).toBe("x");
    const error = new Pop3Error("POP3_TLS_REQUIRED", "no TLS");
    expect(explain(error).advice).toHaveLength(1);
  });
});

describe("wellKnown", () => {
  test("finds the server and the user name of an address", () => {
    const gmail = { name: "Gmail", host: "pop.gmail.com", port: 995, secure: true, user: "ann@gmail.com" };
    expect(wellKnown("ann@gmail.com")).toMatchObject(gmail);
    expect(wellKnown("ann@gmail.com")?.secret).not.toContain("popwright login");
    expect(wellKnown("Ann@WEB.DE")).toMatchObject({ host: "pop3.web.de", user: "Ann" });
    expect(wellKnown("ann@gmx.com")?.host).toBe("pop.gmx.com");
    expect(wellKnown("ann@icloud.com")).toMatchObject({ host: undefined, instead: "IMAP" });
    for (const unknown of ["ann@example.com", "ann@mail.gmail.com", "ann@constructor", "ann@__proto__"])
      expect(wellKnown(unknown)).toBeUndefined();
  });

  test("each domain belongs to one provider, whose servers are known by their names", () => {
    const domains = PROVIDERS.flatMap(({ servers = {} }) => Object.keys(servers));
    expect(new Set(domains).size).toBe(domains.length);
    for (const { name, servers = {} } of PROVIDERS)
      for (const host of Object.values(servers)) expect(providerAt(host)?.name).toBe(name);
  });
});
