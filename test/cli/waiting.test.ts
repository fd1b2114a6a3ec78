// A command says what it waits for, if the server is silent for three seconds.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, urlOf } from "./ann.ts";
import { OctetServer } from "./octet-server.ts";
import { Terminal } from "./terminal.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Runs a command until it says that it waits for `what`, and stops it. Returns what it printed. */
async function waitingFor(what: string, ...words: string[]): Promise<string> {
  const terminal = new Terminal();
  // Earlier steps may be mentioned as well.
  terminal.patience = 20;
  const told = new Promise<void>((resolve) => {
    terminal.heard = () => {
      if (terminal.words.includes(`still waiting for ${what}`)) resolve();
    };
  });
  const running = terminal.run(...words);
  await told;
  terminal.signal.abort();
  await running;
  return terminal.words;
}

test.each(["check", "list", "get"])(
  "%s names the greeting if clear text is sent to a TLS port",
  async (command) => {
    await using server = await annsServer({ tls: true });
    const url = `pop3://ann@127.0.0.1:${server.port}?stls=never`;
    const what = `the greeting of 127.0.0.1:${server.port}. The port may begin with TLS: then use pop3s://`;
    await waitingFor(what, command, url, ...(command === "get" ? ["1"] : []));
  },
);

test.each(["check", "list"])(
  "%s names the handshake if a silent clear port is spoken to with TLS",
  async (command) => {
    await using server = await OctetServer.listen();
    const what = `the TLS handshake with 127.0.0.1:${server.port}. The port may be one without TLS: then use pop3://`;
    await waitingFor(what, command, `pop3s://ann@127.0.0.1:${server.port}`);
  },
);

test("names the connection through a silent proxy", async () => {
  await using proxy = await OctetServer.listen();
  const place = `127.0.0.1:${proxy.port}`;
  const what = `a connection to pop.example.com:995 by the proxy ${place}`;
  await waitingFor(what, "list", "pop3s://ann@pop.example.com", "--proxy", `http://${place}`);
});

test("names the reply to a command, without a secret", async () => {
  const answers = ["+OK\r\n", "-ERR\r\n", "+OK\r\n"];
  await using server = await OctetServer.listen((client) => {
    client.write(answers[0] ?? "");
    let next = 1;
    client.on("data", () => client.write(answers[next++] ?? ""));
  });
  const url = `pop3://ann@127.0.0.1:${server.port}?stls=never`;
  expect(await waitingFor("the reply to PASS ****", "list", url)).not.toContain("secret");
});

test("names the greeting over TLS", async () => {
  await using server = await Pop3Server.listen({
    tls: true,
    users: {},
    faults: [{ on: "greeting", delay: 600_000 }],
  });
  const ca = join(await newDirectory(), "ca.pem");
  await writeFile(ca, server.ca);
  const text = await waitingFor(
    `the greeting of 127.0.0.1:${server.port}`,
    "list",
    urlOf(server),
    "--ca",
    ca,
  );
  expect(text).not.toContain("may begin with TLS");
});

test("says it after three seconds, and once", async () => {
  let greet: () => void = () => undefined;
  const greeted = new Promise<void>((resolve) => (greet = resolve));
  await using server = await OctetServer.listen((client) => client.once("data", greet));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const terminal = new Terminal();
  terminal.patience = undefined;
  const running = terminal.run("list", `pop3s://ann@127.0.0.1:${server.port}`);
  // The handshake has begun.
  await greeted;
  vi.advanceTimersByTime(2999);
  expect(terminal.err).toBe("");
  vi.advanceTimersByTime(1);
  expect(terminal.err).toContain("still waiting for the TLS handshake");
  const told = terminal.err;
  vi.advanceTimersByTime(6000);
  expect(terminal.err).toBe(told);
  terminal.signal.abort();
  await running;
});

test("a server that answers in time is not mentioned", async () => {
  await using server = await annsServer();
  const terminal = new Terminal();
  terminal.patience = 600_000;
  expect(await terminal.run("check", urlOf(server))).toBe(0);
  expect(terminal.err).toBe("");
});
