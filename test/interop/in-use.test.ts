// A maildrop that another session holds is refused for now, which says nothing about the password.
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";

const auth: Pop3Auth = { user: "ann", pass: "secret" };
const inUse = {
  name: "Pop3ReplyError",
  code: "POP3_TEMPORARY",
  responseCode: "IN-USE",
  temporary: true,
};

describe("a maildrop in use", () => {
  it.each(["USER", "APOP", "PLAIN", "LOGIN"])("by as many sessions as are allowed: %s", async (mechanism) => {
    await using server = await Dovecot.start({ users: { ann: "secret" }, maxConnections: 1 });
    await using client = await Pop3Client.connect({ ...reach(server, "plain"), auth });
    // It counts from its first answered command on.
    await client.stat();
    const second = new Pop3Client({ ...reach(server, "TLS port"), auth: { ...auth, mechanism } });
    await expect(second.connect()).rejects.toMatchObject(inUse);
    expect(second.state).toBe("closed");
    await client.noop();
    await client.quit();
  });

  // Dovecot waits 10 to 12 seconds for the lock.
  it("by a session that holds the lock", { timeout: 30_000 }, async () => {
    await using server = await Dovecot.start({ users: { ann: "secret" } });
    await server.deliver("ann", [Buffer.from("Subject: one\r\n\r\n")]);
    await using client = await Pop3Client.connect({ ...reach(server, "plain"), auth });
    await client.dele(1);
    await expect(Pop3Client.connect({ ...reach(server, "STLS"), auth })).rejects.toMatchObject(inUse);
    await client.quit();
    expect(await server.count("ann")).toBe(0);
    await using next = await Pop3Client.connect({ ...reach(server, "plain"), auth });
    expect(await next.stat()).toEqual({ count: 0, size: 0 });
    await next.quit();
  });
});
