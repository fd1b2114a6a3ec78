// The configuration file: its keys, and errors with file, line and key.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfiguration, readConfiguration } from "../../src/cli/fetch/configuration.ts";
import { ConfigurationError } from "../../src/cli/usage-error.ts";
import { newDirectory } from "../support/place.ts";

const ACCOUNT = '{ "url": "pop3s://ann@pop.example.com", "to": { "maildir": "Mail" } }';

test("all keys are read", () => {
  const { accounts, state, maxSessions, maxPerHost, pathOf } = parseConfiguration(
    `{
      "state": "ledger", "maxSessions": 9, "maxPerHost": 2,
      "to": { "maildir": "Mail" },
      "policy": { "delete": { "afterDays": 14 }, "maxSize": 1000 },
      "accounts": [
        { "url": "pop3s://ann@pop.example.com", "passwordEnv": "ANN", "ca": "ca.pem", "mechanism": "PLAIN" },
        { "name": "bob", "url": "pop3://bob@pop.example.com", "to": { "mbox": "bob.mbox" },
          "passwordCommand": ["pass", "show", "bob"], "policy": { "maxSize": 5 } },
        { "url": "pop3s://eve@pop.example.com", "to": { "command": "deliver --to eve" },
          "tokenEnv": "EVE", "tokenCommand": "token eve" },
        { "url": "pop3s://joe@pop.example.com", "to": { "command": ["deliver", "to joe"] } },
        { "url": "pop3s://kim@pop.example.com", "to": { "eml": "kim" } }
      ]
    }`,
    "/etc/mail/popwright.json",
  );
  expect({ state, maxSessions, maxPerHost }).toEqual({ state: "ledger", maxSessions: 9, maxPerHost: 2 });
  expect([pathOf("Mail"), pathOf("/var/mail")]).toEqual([resolve("/etc/mail/Mail"), resolve("/var/mail")]);
  expect(accounts.map(({ to }) => to)).toEqual([
    { maildir: "Mail" },
    { mbox: "bob.mbox" },
    { command: ["deliver", "--to", "eve"] },
    { command: ["deliver", "to joe"] },
    { eml: "kim" },
  ]);
  expect(accounts[0]).toMatchObject({
    name: undefined,
    policy: { delete: { afterDays: 14 }, maxSize: 1000 },
    source: { ca: "ca.pem", mechanism: "PLAIN", password: { variable: "ANN", command: undefined } },
  });
  expect(accounts[1]).toMatchObject({
    name: "bob",
    policy: { delete: { afterDays: 14 }, maxSize: 5 },
    source: { password: { command: ["pass", "show", "bob"] } },
  });
  expect(accounts[2]?.source.token).toEqual({ variable: "EVE", command: ["token", "eve"] });
});

test("two accounts may have the same URL if they have names", () => {
  const url = '"url": "pop3s://ann@pop.example.com"';
  const { accounts } = parseConfiguration(
    `{ "to": { "eml": "x" }, "accounts": [ { ${url} }, { ${url}, "name": "other" } ] }`,
    "mail.json",
  );
  expect(accounts.map(({ name }) => name)).toEqual([undefined, "other"]);
});

test("a file that is not UTF-8, such as one of PowerShell, is rejected", async () => {
  const path = join(await newDirectory(), "mail.json");
  await writeFile(path, `\ufeff{ "accounts": [${ACCOUNT}] }`, "utf16le");
  await expect(readConfiguration(path)).rejects.toThrow(`${path} must be UTF-8 text: save it as UTF-8`);
});

describe("an error in the configuration", () => {
  const account = (more: string): string =>
    `{\n"accounts": [\n{ "url": "pop3s://ann@h",\n"to": { "eml": "x" },\n${more} }\n]\n}`;
  test.each([
    ["", 1, "expected a value, found the end of the file"],
    ["[]", 1, "the configuration must be an object"],
    [
      account('"passwordCommand": "pass \\"a"'),
      5,
      "accounts[0].passwordCommand is wrong: the command has an",
    ],
    ['{\n"accounts": [\n}', 3, "expected a value"],
    ["{\n'accounts': []\n}", 2, "expected a key in double quotes"],
    ['{ "accounts": [] } x', 1, "expected the end of the file"],
    ['{\n"state": "a",\n"state": "b" }', 3, 'duplicate key "state"'],
    ["{}", 1, "accounts must be a non-empty list of accounts"],
    ['{\n"accounts": []\n}', 2, "accounts must be a non-empty list of accounts"],
    ['{\n"accounts": [\n7\n]\n}', 3, "accounts[0] must be an object"],
    ['{\n"acounts": []\n}', 2, "acounts is unknown: did you mean accounts?"],
    ['{\n"accounts": [\n{}\n]\n}', 3, "accounts[0].url is missing"],
    ['{\n"accounts": [\n{ "url":\n7 }\n]\n}', 3, "accounts[0].url must be a non-empty string"],
    ['{ "accounts": [\n{ "url": "pop.example.com" } ] }', 2, "accounts[0].url is wrong"],
    ['{ "accounts": [\n{ "url": "http://ann@h" } ] }', 2, "must begin with pop3s://"],
    ['{ "accounts": [\n{ "url": "pop3://ann@h?stls=no" } ] }', 2, "accounts[0].url is wrong: stls must be"],
    ['{ "accounts": [\n{ "url": "pop3s://pop.example.com" } ] }', 2, "must name a user"],
    ['{ "accounts": [\n{ "url": "pop3s://ann:hidden@h" } ] }', 2, "must not contain a password"],
    ['{ "accounts": [\n{ "url": "pop3s://ann@h" } ] }', 2, "accounts[0].to is missing"],
    [
      `{ "accounts": [ ${ACCOUNT},\n{ "url": "pop3s://bob@h",\n"to": {} } ] }`,
      3,
      "accounts[1].to must have exactly one of the keys maildir",
    ],
    [
      '{ "to": { "eml": "a", "mbox": "b" }, "accounts": [] }',
      1,
      "to must have exactly one of the keys maildir, eml, mbox, command",
    ],
    [
      '{ "to": { "folder": "a" }, "accounts": [] }',
      1,
      "to.folder is unknown: the options are maildir, eml, mbox, command",
    ],
    ['{ "to": { "eml": 3 }, "accounts": [] }', 1, "to.eml must be a non-empty string"],
    ['{ "to": { "command": [] }, "accounts": [] }', 1, "to.command must be a command"],
    [`{\n"maxSessions": 0, "accounts": [${ACCOUNT}] }`, 2, "maxSessions must be a whole number >= 1 (got 0)"],
    [
      `{ "maxPerHost": 1.5, "accounts": [${ACCOUNT}] }`,
      1,
      "maxPerHost must be a whole number >= 1 (got 1.5)",
    ],
    ['{ "policy":\n{ "delete": "always" }, "accounts": [] }', 2, "policy.delete"],
    [
      account('"policy": { "listings": "loose" }'),
      5,
      'policy.listings must be "lenient" or "strict" (got a string)',
    ],
    [
      account('"policy": { "keepDays": -1 }'),
      5,
      'policy.keepDays must be a number of days >= 0, or a text such as "36 h" or "14 days" (got -1)',
    ],
    [
      account('"policy": {\n"delet": "never" }'),
      6,
      "unknown option policy.delet: did you mean policy.delete?",
    ],
    [account('"policy": []'), 5, "policy must be an object"],
    // Unknown names, at each level.
    ['{\n"acounts": [],\n"stat": "x" }', 2, "acounts is unknown: did you mean accounts?"],
    ['{\n"bananas": 1 }', 2, "bananas is unknown: the options are state, to, policy, maxSessions,"],
    ['{\n"maxsessions": 1 }', 2, "maxsessions is unknown: did you mean maxSessions?"],
    ['{\n"url": "x", "mbox": "y" }', 2, "url is unknown"],
    ['{\n"mbox": "y" }', 2, 'mbox is unknown: did you mean to? As in "to": { "maildir": "Mail" }'],
    ['{\n"delete": "never" }', 2, "delete is unknown: it is a part of policy"],
    ['{ "to": {\n"mailDir": "a" }, "accounts": [] }', 2, "to.mailDir is unknown: did you mean maildir?"],
    [account('"mechanim": "PLAIN"'), 5, "accounts[0].mechanim is unknown: did you mean mechanism?"],
    [account('"passwordenv": "A"'), 5, "accounts[0].passwordenv is unknown: did you mean passwordEnv?"],
    [account('"host": "h"'), 5, "accounts[0].host is unknown: it is a part of url, as in pop3s://user@"],
    [account('"\\u001b[31mx": 1'), 5, "accounts[0].\\x1b[31mx is unknown"],
    [
      account('"password": "hidden"'),
      5,
      "accounts[0].password is unknown: use passwordEnv or passwordCommand, so that the file contains no secret",
    ],
    [account('"token": "hidden"'), 5, "accounts[0].token is unknown: use login, tokenEnv or tokenCommand"],
    [account('"to2": {\n"maildr": "x" }'), 5, "accounts[0].to2 is unknown: did you mean to?"],
    ['{ "policy": {\n"delet": "never" } }', 2, "unknown option policy.delet: did you mean policy.delete?"],
    [
      account('"policy": { "delete": {\n"afterDay": 3 } }'),
      6,
      "unknown option policy.delete.afterDay: did you mean policy.delete.afterDays?",
    ],
    [
      account('"policy": { "limits": {\n"second": 3 } }'),
      6,
      "unknown option policy.limits.second: did you mean policy.limits.seconds?",
    ],
    [
      account('"policy": { "firstRun": {\n"newst": 3 } }'),
      6,
      "unknown option policy.firstRun.newst: did you mean policy.firstRun.newest?",
    ],
    [
      account('"policy": { "retry": {\n"frist": 3 } }'),
      6,
      "unknown option policy.retry.frist: did you mean policy.retry.first?",
    ],
    [
      account('"policy": { "poll": {\n"short": 3 } }'),
      6,
      "unknown option policy.poll.short: the options are every, shortest, longest, jitter",
    ],
    [account('"passwordCommand": ""'), 5, "accounts[0].passwordCommand must be a command"],
    [account('"tokenCommand": [1]'), 5, "accounts[0].tokenCommand must be a command"],
    [account('"name": ""'), 5, "accounts[0].name must be a non-empty string"],
    [account('"mechanism": "PLAINEST"'), 5, 'accounts[0].mechanism is wrong: unknown mechanism "PLAINEST"'],
    [
      '{ "accounts": [\n{ "url": "ann:hidden@pop.example.com" } ] }',
      2,
      "accounts[0].url is wrong: this is not a URL",
    ],
    [
      `{ "to": { "eml": "x" }, "accounts": [\n{ "url": "pop3s://ann@h", "name": "box" },\n{ "url": "pop3s://bob@h",\n"name": "box" } ] }`,
      4,
      "accounts[1].name must be unique: another account is also called box",
    ],
    [
      `{ "accounts": [\n${ACCOUNT},\n${ACCOUNT} ] }`,
      3,
      "accounts[1].url must be unique: another account is also called ann@pop.example.com",
    ],
    [
      `{ "accounts": [\n${ACCOUNT},\n${ACCOUNT.replace("pop.example.com", "POP.example.com:995")} ] }`,
      3,
      "accounts[1].url must be unique",
    ],
  ])("%j", (text, line, words) => {
    let error: unknown;
    try {
      parseConfiguration(text, "mail.json");
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message } = error as ConfigurationError;
    expect(message).toContain(`mail.json:${String(line)}: `);
    expect(message).toContain(words);
    expect(message).not.toContain("hidden");
  });
});
