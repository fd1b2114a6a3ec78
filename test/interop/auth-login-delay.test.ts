// Cyrus accepts one login per user and minute. It refuses the next one for now, which says nothing about the
// password.
import { describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { reach } from "../servers/transport.ts";

describe("popminpoll", () => {
  it("is announced, and a second login within the minute rejects", async () => {
    await using server = await Cyrus.start({ users: { ann: "secret", ben: "secret" }, minPoll: 1 });
    const options = reach(server, "TLS port");
    const mechanisms = [
      "USER",
      "APOP",
      "PLAIN",
      "LOGIN",
      "CRAM-MD5",
      "DIGEST-MD5",
      "SCRAM-SHA-256",
      undefined,
    ];
    await using first = await Pop3Client.connect({ ...options, auth: { user: "ann", pass: "secret" } });
    expect(first.capabilities.loginDelay).toEqual({ seconds: 60, perUser: false });
    await first.quit();
    for (const mechanism of mechanisms) {
      const auth = { user: "ann", pass: "secret", ...(mechanism === undefined ? {} : { mechanism }) };
      const second = new Pop3Client({ ...options, auth });
      await expect(second.connect()).rejects.toMatchObject({
        name: "Pop3ReplyError",
        code: "POP3_TEMPORARY",
        responseCode: "LOGIN-DELAY",
        temporary: true,
      });
      expect(second.state).toBe("closed");
    }
    // A wrong password is still reported as one, and other users may log in.
    await expect(
      Pop3Client.connect({ ...options, auth: { user: "ann", pass: "wrong" } }),
    ).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED", responseCode: "AUTH", temporary: false });
    await using another = await Pop3Client.connect({ ...options, auth: { user: "ben", pass: "secret" } });
    expect(await another.stat()).toEqual({ count: 0, size: 0 });
    await another.quit();
  });
});
