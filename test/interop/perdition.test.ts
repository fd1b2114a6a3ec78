// Perdition, a proxy, hides from a client why the server that has the mail refuses a session.
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Perdition } from "../servers/perdition.ts";
import { reach } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const auth: Pop3Auth = { user: "ann", pass: "secret" };
const hidden = {
  name: "Pop3ReplyError",
  code: "POP3_TEMPORARY",
  text: "failed: Re-Authentication Failure",
  temporary: true,
};

describe("a refusal of the server that has the mail", () => {
  // Perdition answers after 3 s.
  it("is temporary if it may be about the password or about another session", async () => {
    await using server = await Perdition.start({ users: { ann: "secret" }, maxConnections: 1 });
    await using client = await Pop3Client.connect({ ...reach(server, "STLS"), auth });
    // It counts from its first answered command on.
    await client.stat();
    const others = [auth, { ...auth, pass: "wrong" }].map((each) =>
      Pop3Client.connect({ ...reach(server, "TLS port"), auth: each }),
    );
    for (const outcome of await Promise.allSettled(others)) expect(outcome).toMatchObject({ reason: hidden });
    await client.noop();
    await client.quit();
  });

  it("is temporary if that server is down, and the same session can log in when it is there again", async () => {
    await using server = await Perdition.start({ users: { ann: "secret" } });
    await using client = await Pop3Client.connect(reach(server, "STLS"));
    await server.behind.kill();
    await expect(client.authenticate(auth)).rejects.toMatchObject({
      name: "Pop3ReplyError",
      code: "POP3_TEMPORARY",
      text: "failed: Could not connect to server",
      temporary: true,
    });
    await server.behind.restart();
    await client.authenticate(auth);
    expect(await client.stat()).toEqual({ count: 0, size: 0 });
    await client.quit();
  });
});

it("nothing is sent together with the password, which Perdition would drop, whatever it lists", async () => {
  const capabilities = ["UIDL", "USER", "TOP", "PIPELINING"];
  await using server = await Perdition.start({ users: { ann: "secret" }, capabilities });
  using wire = new Wire();
  await using client = new Pop3Client({ ...reach(server, "plain"), auth });
  const calls = [client.connect(), client.stat().catch(() => "too early")];
  await Promise.all(calls);
  expect(client.capabilities.pipelining).toBe(true);
  expect(await Promise.all([client.stat(), client.list(), client.uidl()])).toHaveLength(3);
  await client.quit();
  expect(wire.take()).toEqual(["CAPA", "USER ann", "PASS ****", "CAPA", "STAT", "LIST", "UIDL", "QUIT"]);
});

it("a user name that contains a space is refused for good", async () => {
  await using server = await Perdition.start({ users: { "ann lee": "secret" } });
  const attempt = Pop3Client.connect({ ...reach(server, "STLS"), auth: { ...auth, user: "ann lee" } });
  await expect(attempt).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED", command: "USER ann lee" });
});
