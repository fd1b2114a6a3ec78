// User names and passwords beyond ASCII: SCRAM normalises them, however they were typed (RFC 4013). The other
// mechanisms send them unchanged.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { reach } from "../servers/transport.ts";

const ofAsciiNames = {
  /** All of it is in ISO 8859-1. */
  latin: "grüße, ÿ",
  beyond: "pässwört €, пароль",
  ix: "IX",
  space: "two words",
  /** Unicode 3.2 did not know it: SASLprep has no rule for it. */
  emoji: "key 🔑",
};
const named = { jörg: "secret", 日本: "secret" };

const scram = ["SCRAM-SHA-1", "SCRAM-SHA-256"];
const others = ["USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5"];

const launchers = {
  Dovecot: {
    start: () => Dovecot.start({ users: { ...ofAsciiNames, ...named } }),
    hashes: scram,
    // RFC 2831 section 2.1.2.1: what is in ISO 8859-1 is hashed in it, which Dovecot does not do.
    digest: { latin: false, jörg: false, beyond: true, 日本: true } as Record<string, boolean>,
    names: Object.keys(named),
  },
  Cyrus: {
    start: () => Cyrus.start({ users: ofAsciiNames }),
    hashes: [...scram, "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS"],
    digest: { latin: true, beyond: true } as Record<string, boolean>,
    // Its mailboxes have names in ASCII.
    names: [],
  },
};
const passwords: Readonly<Record<string, string>> = { ...ofAsciiNames, ...named };

describe.each(Object.entries(launchers))("%s", (_name, { start, hashes, digest, names }) => {
  let server: MailServer;

  beforeAll(async () => {
    server = await start();
  });

  afterAll(async () => {
    await server.stop();
  });

  const connect = (auth: Pop3Auth): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, "TLS port"), auth });

  async function expectIn(auth: Pop3Auth): Promise<void> {
    await using client = await connect(auth);
    expect(await client.stat()).toEqual({ count: 0, size: 0 });
    await client.quit();
  }

  const rejected = { code: "POP3_AUTH_REJECTED", responseCode: "AUTH" };

  describe.each(hashes)("%s", (mechanism) => {
    it.each(["latin", "beyond", ...names])("of %s, composed and decomposed", async (user) => {
      const pass = passwords[user] ?? "";
      await expectIn({ user, pass, mechanism });
      await expectIn({ user: user.normalize("NFD"), pass: pass.normalize("NFD"), mechanism });
    });

    it("texts that are equal in RFC 4013 are equal", async () => {
      // A soft hyphen is nothing, a numeral is its letters, and every space is one.
      for (const pass of ["I\u00adX", "\u2168"]) await expectIn({ user: "ix", pass, mechanism });
      await expectIn({ user: "i\u00adx", pass: "IX", mechanism });
      await expectIn({ user: "space", pass: "two\u00a0words", mechanism });
    });

    it("characters without a rule are sent unchanged", async () => {
      await expectIn({ user: "emoji", pass: ofAsciiNames.emoji, mechanism });
    });
  });

  it.each(others)("%s sends them unchanged", async (mechanism) => {
    for (const user of ["latin", "beyond", "emoji", ...names]) {
      await expectIn({ user, pass: passwords[user] ?? "", mechanism });
    }
    const decomposed = { user: "latin", pass: ofAsciiNames.latin.normalize("NFD"), mechanism };
    await expect(connect(decomposed)).rejects.toMatchObject(rejected);
  });

  it.each(Object.entries(digest))("DIGEST-MD5 of %s: %s", async (user, isIn) => {
    const auth = { user, pass: passwords[user] ?? "", mechanism: "DIGEST-MD5" };
    if (isIn) await expectIn(auth);
    else await expect(connect(auth)).rejects.toMatchObject(rejected);
  });

  it("auth.charset chooses their octets", async () => {
    // The octets of UTF-8, taken for characters of ISO 8859-1.
    const mistaken = Buffer.from(ofAsciiNames.latin).toString("latin1");
    for (const mechanism of ["USER", "PLAIN", "LOGIN"]) {
      const auth = { user: "latin", mechanism, charset: "iso-8859-1" };
      await expectIn({ ...auth, pass: mistaken });
      await expect(connect({ ...auth, pass: ofAsciiNames.latin })).rejects.toMatchObject(rejected);
    }
  });
});
