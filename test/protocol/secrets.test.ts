// A secret that a peer repeats is masked in every form; the peer's own words stay readable.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { Secrets } from "../../src/protocol/secrets.ts";
import { always } from "../support/octets.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** In hexadecimal, with text between the octets. */
const spaced = (text: string, between: string): string => Array.from(Buffer.from(text), hex).join(between);
const hex = (octet: number): string => octet.toString(16).padStart(2, "0");

const LONG = "Tan+st%f/ü";

test.each([
  ["as it is", LONG],
  ["in another case", LONG.toUpperCase()],
  ["its octets, a character for each", Buffer.from(LONG).toString("latin1")],
  ["percent-encoded", encodeURIComponent(LONG)],
  ["percent-encoded in lower case", encodeURIComponent(LONG).toLowerCase()],
  ["partly percent-encoded", LONG.replace("%", "%25").replace("ü", "%c3%bc")],
  ["each octet percent-encoded", Buffer.from(LONG).toString("hex").replace(/../g, "%$&")],
  ["in hexadecimal", Buffer.from(LONG).toString("hex")],
  ["in hexadecimal in upper case", Buffer.from(LONG).toString("hex").toUpperCase()],
  ["in hexadecimal with colons", spaced(LONG, ":")],
  ["in hexadecimal with spaces", spaced(LONG, " ")],
  ["in hexadecimal with dashes", spaced(LONG, "-")],
  ["in base64", base64(LONG)],
  ["in base64 for URLs", Buffer.from(LONG).toString("base64url")],
  ["in the base64 of PLAIN", base64(`\0ann\0${LONG}`)],
  ["in the base64 of PLAIN for another", base64(`bob\0ann\0${LONG}`)],
  ["in the base64 of more text", base64(`user:${LONG}:more`)],
])("masks a long secret %s", (_, form) => {
  // A file ends with a line end, and a server may repeat the rest.
  expect(new Secrets(` ${LONG}\r\n`).mask(`got <${form}>`)).not.toContain(form);
  const secrets = new Secrets(LONG);
  expect(secrets.mask(`got <${form}>, and (${form}).`)).toBe("got <****>, and (****).");
  expect(secrets.mask(form)).toBe("****");
  expect(secrets.mask(`${form}${form}`)).toMatch(/^(?:\*{4})+$/);
});

test.each([
  ["-ERR wrong password", "-ERR wrong password"],
  ["-ERR [AUTH] Wrong password for ann", "-ERR [AUTH] Wrong password for ann"],
  ['-ERR unknown command "PASS wrong"', '-ERR unknown command "PASS ****"'],
  ["-ERR pass wrong", "-ERR pass ****"],
  ["-ERR PASS\t<wrong>", "-ERR PASS\t<****>"],
  ["-ERR PASS  wrong", "-ERR PASS  ****"],
  ["-ERR PASS is wrong", "-ERR PASS is wrong"],
  ["pass=wrong", "pass=****"],
  ["password = wrong", "password = ****"],
  ["password: it is wrong", "password: it is wrong"],
  ["user=ann&password=wrong", "user=ann&password=****"],
  ['{"password": "wrong"}', '{"password": "****"}'],
  [`-ERR ${base64("wrong")}`, "-ERR ****"],
  [`-ERR X${base64("wrong")}`, `-ERR X${base64("wrong")}`],
  ["-ERR d3JvbmcX", "-ERR d3JvbmcX"],
])("masks a short secret only in the form in which it was sent: %s", (text, expected) => {
  expect(new Secrets("wrong").mask(text)).toBe(expected);
});

test.each([
  ["password", "-ERR wrong password", "-ERR wrong password"],
  ["Password", "-ERR wrong password", "-ERR wrong password"],
  ["password", "-ERR what is PASS password?", "-ERR what is PASS ****?"],
  ["temporary", `-ERR temporary ${base64("\0ann\0temporary")}`, "-ERR temporary ****"],
  ["IN-USE", "[IN-USE] busy", "[IN-USE] busy"],
  ["account", "-ERR no such account", "-ERR no such account"],
  ["certificate", "the certificate has expired", "the certificate has expired"],
])("leaves an ordinary word that is the secret %s", (secret, text, expected) => {
  expect(new Secrets(secret).mask(text)).toBe(expected);
});

test.each([
  ["ann", "no user ann, Ann's mailbox", "no user ****, ****'s mailbox"],
  ["ann", "cannot, anna, Hann", "cannot, anna, Hann"],
  ["ann", `welcome ${base64("ann")}`, "welcome ****"],
  ["ann", "Hann", "Hann"],
  ["annabel", "annabella", "****la"],
  ["robert", "roberta", "****a"],
  ["a@b", "no a@bc, no a@b", "no ****@bc, no ****"],
  ["ann@home@mail.test", "ann@home is unknown", "**** is unknown"],
  ["ann@mail.test", "user ann of mail.test: ann@mail.test", "user **** of mail.test: ****"],
  ["größe", "user GRÖSSE, größe, größer", "user GRÖSSE, ****, größer"],
])("hides the name of a user %s", (name, text, expected) => {
  const secrets = new Secrets();
  secrets.hide(name);
  expect(secrets.mask(text)).toBe(expected);
});

describe("several words", () => {
  test("are all masked, also if they overlap", () => {
    expect(new Secrets("abcdef", "cdefgh", "ghijkl").mask("<abcdefgh> ghijkl")).toBe("<****> ****");
    expect(new Secrets("tanstaaf", "staafmore").mask("tanstaafmore")).toBe("****");
    expect(new Secrets("abcdef", "ghijkl").mask("abcdefghijkl")).toBe("********");
  });

  test("an empty one is ignored", () => {
    expect(new Secrets("").mask("abc")).toBe("abc");
  });

  test("of 300, the latest are remembered", () => {
    const words = Array.from({ length: 300 }, (_, index) => `secret-${index}-`);
    const secrets = new Secrets(...words);
    expect(secrets.mask("secret-299- secret-44- secret-43-")).toBe("**** **** secret-43-");
    secrets.add("secret-44-", "another");
    expect(secrets.mask("secret-44- secret-45-")).toBe("**** secret-45-");
  });
});

test.each([
  ["correct\nhorse battery", "****"],
  ["<correct horse\n    battery>,\nwrong", "<****>,\nwrong"],
  ["no correct horse\nor battery", "no correct horse\nor battery"],
])("masks a passphrase in text that is wrapped at its spaces: %j", (text, expected) => {
  expect(new Secrets("correct horse battery").mask(text)).toBe(expected);
});

test.each([
  ["DİYARBAKIR", "diyarbakir", "****"],
  // Its lower case has one more code unit.
  ["tanstaaf", "İİ tanstaaf!", "İİ ****!"],
  ["οδυσσεύς", "ΟΔΥΣΣΕΎΣ", "****"],
  ["οδυσσεύς", "ΟΔΥΣΣΕΎΣΑ", "****Α"],
])("masks the secret %s in another case: %s", (secret, text, expected) => {
  expect(new Secrets(secret).mask(text)).toBe(expected);
});

test("masks octets as UTF-8 if they are, otherwise byte by byte", () => {
  const secrets = new Secrets("größen");
  expect(secrets.maskOctets(Buffer.from("ä größen"))).toEqual(Buffer.from("ä ****"));
  expect(secrets.maskOctets(Buffer.from("\xff größen", "latin1"))).toEqual(
    Buffer.from("\xff ****", "latin1"),
  );
});

test("a secret as long as a token is found, and a text of its repeated parts is read once", () => {
  const token = "YWJjZGVm".repeat(1000);
  expect(new Secrets(token).mask(`<${token}>`)).toBe("<****>");
  const repeated = base64("tanstaaf".repeat(3000));
  expect(new Secrets("tanstaaf").mask(repeated)).toBe("****");
});

test("no secret of any characters is left, whatever is around it", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 12 });
  const secret = fc.string({ unit: "grapheme", minLength: 6, maxLength: 20 });
  always(
    fc.tuple(secret, text, text),
    ([word, before, after]) => {
      const secrets = new Secrets(word);
      // A word of the mask itself cannot be told from the mask.
      fc.pre(!"****".includes(word) && !/[*]/.test(word + before + after));
      const forms = [word, base64(word), encodeURIComponent(word), Buffer.from(word).toString("hex")];
      for (const form of forms) expect(secrets.mask(`${before}${form}${after}`)).not.toContain(form);
    },
    300,
  );
});
