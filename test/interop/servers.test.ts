// Each of the real servers starts, accepts a login and serves a message. When it stops, it leaves nothing.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Courier } from "../servers/courier.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { Kdc } from "../servers/kdc.ts";
import { crlfLines } from "../servers/lines.ts";
import { Perdition } from "../servers/perdition.ts";
import type { MailServer, MailServerOptions } from "../servers/mail-server.ts";
import { run } from "../servers/tool.ts";
import { reach, transports } from "../servers/transport.ts";
import { Twisted } from "../servers/twisted.ts";

const launchers = {
  Dovecot: (options: MailServerOptions) => Dovecot.start(options),
  Cyrus: (options: MailServerOptions) => Cyrus.start(options),
  Courier: (options: MailServerOptions) => Courier.start(options),
  Perdition: (options: MailServerOptions) => Perdition.start(options),
  Twisted: (options: MailServerOptions) => Twisted.start(options),
} satisfies Record<string, (options: MailServerOptions) => Promise<MailServer>>;

const user = "ann.other";
const pass = "päss: w|rd =, €";
const messages = [
  Buffer.from("Subject: dots\r\n\r\n.\r\n..\r\n.dot\r\nend.\r\n"),
  Buffer.from("Subject: octets\r\n\r\n\x01\x1b\x7f\x80\xff \rlone\r\n\r\n\r\n", "latin1"),
  Buffer.from(`Subject: long\r\n\r\n${"0123456789abcdef".repeat(4096)}\r\nafter\r\n`),
];

/**
 * The process groups that this process has started and that still exist. A group that has ended holds
 * nothing.
 */
function groups(): Set<number> {
  const processes = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        // After the name, which may hold anything: state, parent, process group.
        const [state = "", parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return { state, parent: Number(parent), group: Number(group) };
      } catch {
        // It has ended meanwhile.
        return { state: "X", parent: 0, group: 0 };
      }
    })
    .filter(({ state }) => !"ZX".includes(state));
  for (const { parent, group } of processes) if (parent === process.pid) started.add(group);
  return new Set(processes.map(({ group }) => group).filter((group) => started.has(group)));
}
/** Every group seen so far: processes that outlive the leader of their group have another parent. */
const started = new Set<number>();

/** Temporary directories are made in this one, where other programs put nothing. The servers have users of their own. */
const own = mkdtempSync(join(tmpdir(), "pw-"));
chmodSync(own, 0o755);
process.env["TMPDIR"] = own;
afterAll(() => {
  rmdirSync(own);
});

/** Runs something, and waits until nothing is there that was not there before. */
async function leavesNothing(work: () => Promise<void>): Promise<void> {
  // A guard of an earlier test may still be ending.
  const before = groups();
  await work();
  // A guard that got its word ends a moment later.
  await vi.waitFor(() => expect([...groups()].filter((group) => !before.has(group))).toEqual([]), {
    interval: 5,
    timeout: 10_000,
  });
  expect(readdirSync(own)).toEqual([]);
}

describe.each(Object.entries(launchers))("%s", (name, start) => {
  // Twisted has no STLS.
  const ways = transports.filter((transport) => transport !== "STLS" || name !== "Twisted");

  it("starts, accepts a login, serves each message byte for byte, and leaves nothing", async () => {
    await leavesNothing(async () => {
      const server = await start({ users: { [user]: pass, ben: "secret" } });
      expect(server.name).toBe(name);
      await server.deliver(user, messages.slice(0, 1));
      await server.deliver(user, messages.slice(1));
      for (const transport of ways) {
        await using client = await Pop3Client.connect({
          ...reach(server, transport),
          auth: { user, pass, mechanism: "USER" },
        });
        expect(await client.stat()).toMatchObject({ count: 3 });
        for (const [index, message] of messages.entries())
          expect((await client.retr(index + 1)).equals(message)).toBe(true);
        await client.quit();
      }
      await using client = await Pop3Client.connect({
        ...reach(server, "TLS port"),
        auth: { user, pass, mechanism: "USER" },
      });
      await client.dele(2);
      await client.quit();
      const left = (await server.mailbox(user)).map((message) => crlfLines(message));
      expect(left).toEqual([messages[0], messages[2]]);
      expect(await server.mailbox("ben")).toEqual([]);
      expect(groups().size).toBeGreaterThan(0);
      await server.stop();
    });
  });

  // Perdition has no setting for a lowest version above TLS 1.2.
  const versions = name === "Perdition" ? (["TLSv1.2"] as const) : (["TLSv1.2", "TLSv1.3"] as const);
  it.each(versions)("speaks only %s if told to", async (version) => {
    await using server = await start({
      users: { ben: "secret" },
      tlsVersions: { minVersion: version, maxVersion: version },
    });
    for (const transport of ways.filter((way) => way !== "plain")) {
      await using client = await Pop3Client.connect(reach(server, transport));
      expect(client.tlsInfo?.protocol).toBe(version);
      await client.quit();
    }
  });
});

describe("a server that cannot start", () => {
  it.each([
    ["Dovecot", () => Dovecot.start({ users: {}, settings: "no_such_setting = yes" }), /no_such_setting/],
    ["Cyrus", () => Cyrus.start({ users: { ben: "secret" }, settings: "no colon" }), /configuration file/],
    ["Courier", () => Courier.start({ users: { "a|b": "secret" } }), /a\|b/],
    ["the KDC", () => Kdc.start({ users: ["ann"], realm: "" }), /configuration file/],
  ] as const)("%s says why, and leaves nothing", async (_name, start, words) => {
    await leavesNothing(async () => {
      await expect(start()).rejects.toThrow(words);
    });
  });
});

describe("the KDC", () => {
  it("issues a ticket to each user, and with it a ticket for a service", async () => {
    await leavesNothing(async () => {
      const kdc = await Kdc.start({ users: ["ann", "ben"] });
      for (const principal of ["ann", "ben"]) {
        const env = kdc.environment(principal);
        expect(await run(["kvno", "pop/localhost"], { env })).toContain(`pop/localhost@${kdc.realm}`);
        expect(await run(["klist"], { env })).toContain(`Default principal: ${principal}@${kdc.realm}`);
      }
      const before = process.env["KRB5CCNAME"];
      {
        using _ = kdc.actAs("ben");
        expect(process.env["KRB5CCNAME"]).toBe(kdc.environment("ben").KRB5CCNAME);
      }
      expect(process.env["KRB5CCNAME"]).toBe(before);
      expect(existsSync(kdc.keytab)).toBe(true);
      await kdc.stop();
    });
  });
});
