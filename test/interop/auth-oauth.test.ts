// Access tokens with Dovecot: the provider of tokens learns why a token was refused, and a better token is
// accepted.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type OAuthRefusal, type Pop3Auth, type Pop3ClientOptions } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { signToken } from "../servers/tokens.ts";
import { another, pass, tokenKey, user } from "./auth-proofs.ts";
import { printed, spellings } from "./auth-secrets.ts";
import { reach } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const openidConfiguration = "https://auth.example.test/.well-known/openid-configuration";
/** What Dovecot says of a token that it does not take, whatever is wrong with it. */
const refusals: Readonly<Record<string, OAuthRefusal>> = {
  XOAUTH2: { status: "401", scope: "mail", schemes: "bearer", openidConfiguration },
  OAUTHBEARER: { status: "invalid_token", openidConfiguration },
};
const good = (): string => signToken(user, tokenKey);
const bad: Readonly<Record<string, () => string>> = {
  "an expired token": () => signToken(user, tokenKey, { expiresIn: -60 }),
  "a token signed with another key": () => signToken(user, Buffer.from("another key")),
  "a token of another user": () => signToken(another, tokenKey),
  "an invalid token": () => "gibberish",
};

let server: Dovecot;

beforeAll(async () => {
  server = await Dovecot.start({ users: { [user]: pass, [another]: pass }, tokenKey });
  await server.deliver(user, [Buffer.from("Subject: one\r\n\r\n")]);
});

afterAll(async () => {
  await server.stop();
});

const over = (auth: Pop3Auth, options: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions => ({
  ...reach(server, "TLS port"),
  ...options,
  auth: { user, ...auth },
});

/** Logs in, and gives what went out for that. */
async function logIn(options: Pop3ClientOptions): Promise<string[]> {
  using wire = new Wire();
  await using client = await Pop3Client.connect(options);
  expect(await client.stat()).toMatchObject({ count: 1 });
  await client.quit();
  return wire.take().filter((command) => /^(?:AUTH|\*)/.test(command));
}

describe.each(Object.entries(refusals))("%s", (mechanism, oauth) => {
  const rejected = {
    name: "Pop3ReplyError",
    code: "POP3_AUTH_REJECTED",
    responseCode: "AUTH",
    temporary: false,
    oauth,
  };

  it.each(Object.entries(bad))("%s is refused, with the reason from the server", async (_name, give) => {
    const accessToken = give();
    using wire = new Wire();
    const error: unknown = await Pop3Client.connect(over({ accessToken, mechanism })).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject(rejected);
    for (const spelling of spellings(accessToken)) expect(printed(error)).not.toContain(spelling);
    // The answer to the refusal, without which no -ERR would have come.
    expect(wire.take().at(-1)).toBe("****");
  });

  it.each(Object.entries(bad))("%s, and a good one at the second request", async (_name, give) => {
    const told: (OAuthRefusal | undefined)[] = [];
    const accessToken = (refusal?: OAuthRefusal): string => {
      told.push(refusal);
      return told.length === 1 ? give() : good();
    };
    const commands = await logIn(over({ accessToken, mechanism }));
    expect(told).toEqual([undefined, oauth]);
    expect(commands.filter((command) => command.startsWith("AUTH"))).toHaveLength(2);
  });

  it("a second bad token is final, and the same token is not sent twice", async () => {
    const expired = bad["an expired token"] as () => string;
    let asked = 0;
    const fresh = (): string => signToken(user, tokenKey, { expiresIn: -60 - ++asked });
    await expect(Pop3Client.connect(over({ accessToken: fresh, mechanism }))).rejects.toMatchObject(rejected);
    expect(asked).toBe(2);
    using wire = new Wire();
    const token = expired();
    const same = over({ accessToken: () => token, mechanism });
    await expect(Pop3Client.connect(same)).rejects.toMatchObject(rejected);
    expect(wire.take().filter((command) => command.startsWith("AUTH"))).toHaveLength(1);
  });

  it("one session: a bad token, then a good one", async () => {
    await using client = await Pop3Client.connect(reach(server, "STLS"));
    await expect(client.authenticate({ user, accessToken: "gibberish", mechanism })).rejects.toMatchObject(
      rejected,
    );
    expect(client.state).toBe("authorization");
    await client.authenticate({ user, accessToken: good(), mechanism });
    expect(await client.stat()).toMatchObject({ count: 1 });
    await client.quit();
  });

  // Dovecot takes 8192 octets of a response in base64.
  describe.each([
    ["short", () => good().length],
    ["of 6,000 octets", () => 6000],
  ])("a token, %s", (_name, length) => {
    const token = (): string => tokenOf(length());

    it("in two steps", async () => {
      const twoSteps = over({ accessToken: token(), mechanism, initialResponse: false });
      expect(await logIn(twoSteps)).toEqual([`AUTH ${mechanism}`, "****"]);
    });

    it("in one line, if the limit allows its length", async () => {
      const oneLine = over({ accessToken: token(), mechanism }, { limits: { commandLine: 10_000 } });
      expect(await logIn(oneLine)).toEqual([`AUTH ${mechanism} ****`]);
    });
  });

  it("in two steps automatically if the line would exceed the limit", async () => {
    expect(await logIn(over({ accessToken: tokenOf(1000), mechanism }))).toEqual([
      `AUTH ${mechanism}`,
      "****",
    ]);
  });

  it("a token that is too long for the server: it closes the connection without a reply", async () => {
    await expect(Pop3Client.connect(over({ accessToken: tokenOf(6200), mechanism }))).rejects.toMatchObject({
      name: "Pop3ConnectionError",
      // With what it has not read, its system resets the connection.
      code: expect.stringMatching(/^POP3_(?:AUTH_CLOSED|RESET)$/) as string,
    });
  });
});

it("the client's own choice is OAUTHBEARER", async () => {
  const commands = await logIn(over({ accessToken: good() }));
  expect(commands[0]).toMatch(/^AUTH OAUTHBEARER/);
});

/** A good token of `octets` octets, or of a few more. */
function tokenOf(octets: number): string {
  const spare = Math.max(0, octets - good().length);
  return signToken(user, tokenKey, { scope: "x".repeat(Math.floor((spare * 3) / 4)) });
}
