// How often a provider may be polled, by the name of its server.
import { expect, test } from "vitest";
import { LOGIN_RATES, loginRateAt } from "../../src/protocol/login-rates.ts";

test.each([
  ["pop.gmail.com", "Gmail"],
  ["POP.GMAIL.COM.", "Gmail"],
  ["pop.googlemail.com", "Gmail"],
  ["outlook.office365.com", "Microsoft"],
  ["pop-mail.outlook.com", "Microsoft"],
  ["pop3.live.com", "Microsoft"],
  ["pop3.web.de", "WEB.DE"],
  ["ssl0.ovh.net", "OVH"],
  ["web.de", "WEB.DE"],
  ["notgmail.com", undefined],
  ["gmail.com.example", undefined],
  ["127.0.0.1", undefined],
  ["", undefined],
])("%s is a server of %s", (host, name) => {
  expect(loginRateAt(host)?.name).toBe(name);
});

test("no pause is shorter than what the server refuses, and none is longer than an hour", () => {
  for (const { poll, login = 0 } of LOGIN_RATES) {
    expect(poll).toBeGreaterThanOrEqual(login);
    expect(poll).toBeLessThanOrEqual(3_600_000);
  }
});
