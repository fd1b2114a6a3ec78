// The command line connects through a proxy, and shows no secret of its URL.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { newDirectory } from "../support/place.ts";
import { ProxyServer, socks5To, tunnelTo } from "../support/proxy-server.ts";
import { annsServer, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

const silent = (): Promise<undefined> => Promise.resolve(undefined);

describe.each(["check", "list", "get", "fetch"])("%s", (command) => {
  async function argumentsFor(url: string): Promise<string[]> {
    const state = await newDirectory();
    if (command === "get") return [command, url, "1"];
    return command === "fetch"
      ? [command, url, "--to", join(state, "Mail"), "--state", state]
      : [command, url];
  }

  test("connects through --proxy", async () => {
    await using server = await annsServer();
    await using proxy = await ProxyServer.listen(tunnelTo(server.port));
    const terminal = new Terminal();
    const words = await argumentsFor(urlOf(server));
    expect(await terminal.run(...words, "--proxy", `http://127.0.0.1:${proxy.port}`)).toBe(0);
    expect(proxy.asked).toHaveLength(1);
  });

  test("connects through POPWRIGHT_PROXY, which may have a password, and --proxy goes before it", async () => {
    await using server = await annsServer();
    await using proxy = await ProxyServer.listen(socks5To(server.port, "hunter2"));
    const terminal = new Terminal();
    terminal.env["POPWRIGHT_PROXY"] = `socks5h://me:hunter2@127.0.0.1:${proxy.port}`;
    const words = await argumentsFor(urlOf(server));
    expect(await terminal.run(...words)).toBe(0);
    expect(proxy.asked).toHaveLength(1);
    terminal.env["POPWRIGHT_PROXY"] = "http://127.0.0.1:1";
    await using other = await ProxyServer.listen(tunnelTo(server.port));
    const again = await argumentsFor(urlOf(server));
    expect(await terminal.run(...again, "--proxy", `http://127.0.0.1:${other.port}`)).toBe(0);
    expect(terminal.words).not.toContain("hunter2");
  });

  test.each([
    ["http://me:hunter2@127.0.0.1:3128", "--proxy must not contain a password"],
    ["http://me:hun#ter2@127.0.0.1:3128", "percent-encode"],
    ["ftp://127.0.0.1:3128", "the URL in proxy must begin with http://"],
    ["socks5://%C2%B8:1080", "the host in the URL of the proxy is not a valid name"],
    ["127.0.0.1:3128", "proxy"],
  ])("refuses --proxy %s", async (url, words) => {
    const terminal = new Terminal();
    const given = await argumentsFor("pop3s://ann@pop.example.com");
    expect(await terminal.run(...given, "--proxy", url)).toBe(64);
    expect(terminal.words).toContain(words);
    expect(terminal.words).not.toMatch(/hunter2|hun#|ter2/);
  });

  test("explains that the proxy failed, without its password", async () => {
    await using proxy = await ProxyServer.listen(
      (client) => (client.end("HTTP/1.1 407 no hunter2\r\n\r\n"), silent()),
    );
    const terminal = new Terminal();
    const url = `http://me:hunter2@127.0.0.1:${proxy.port}`;
    terminal.env["POPWRIGHT_PROXY"] = url;
    expect(await terminal.run(...(await argumentsFor("pop3s://ann@pop.example.com")))).toBe(69);
    expect(terminal.words).toContain(`The connection goes through the proxy 127.0.0.1:${proxy.port}`);
    expect(terminal.words).not.toContain("hunter2");
    expect(terminal.words).not.toContain("POP3 uses port 995");
    if (command === "get") return;
    const json = new Terminal();
    json.env["POPWRIGHT_PROXY"] = url;
    await json.run(...(await argumentsFor("pop3s://ann@pop.example.com")), "--json");
    expect(json.words).not.toContain("hunter2");
  });
});

describe("the configuration file", () => {
  async function configure(account: object): Promise<string> {
    const directory = await newDirectory();
    const path = join(directory, "mail.json");
    await writeFile(path, JSON.stringify({ to: { eml: "mail" }, accounts: [account] }));
    return path;
  }

  test("names a proxy for an account, with a password", async () => {
    await using server = await annsServer();
    await using proxy = await ProxyServer.listen(socks5To(server.port, "hunter2"));
    const config = await configure({
      url: urlOf(server),
      proxy: `socks5://me:hunter2@127.0.0.1:${proxy.port}`,
    });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", config, "--json")).toBe(0);
    expect(proxy.asked).toHaveLength(1);
    expect(terminal.words).not.toContain("hunter2");
  });

  test.each([
    ["socks6://me:hunter2@127.0.0.1", "accounts[0].proxy is wrong: the URL in proxy must begin with"],
    ["http://me:hun/ter2@127.0.0.1:3128", "percent-encode"],
    [7, "accounts[0].proxy must be a non-empty string"],
  ])("refuses the proxy %s", async (proxy, words) => {
    const config = await configure({ url: "pop3s://ann@pop.example.com", proxy });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", config)).toBe(78);
    expect(terminal.words).toContain(words);
    expect(terminal.words).not.toMatch(/hunter2|hun\/|ter2/);
  });

  test("cannot be combined with --proxy", async () => {
    const config = await configure({ url: "pop3s://ann@pop.example.com" });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", config, "--proxy", "http://127.0.0.1:1")).toBe(64);
    expect(terminal.words).toContain("--proxy cannot be combined with --config");
  });
});
