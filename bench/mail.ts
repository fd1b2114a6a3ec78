// Makes typical mail: English prose, 8-bit prose, HTML as quoted-printable, attachments in base64. Each line
// ends with CRLF. Some lines begin with a dot, as in real mail.
import { Random } from "./random.ts";

const WORDS: readonly string[] = (
  "the of and to in a is that for it as was with be by on not he this are or his from at which but have an had " +
  "they you were their one all we can her has there been if more when will would who so no out up into some time " +
  "could them other than then now only these may two like first any its our such over man after most new people " +
  "also made way many must before through back years where much your down should because long each just state " +
  "those great little very good own world still work life day year three never know last house part came right " +
  "small number off always move night live point believe hold today bring happen next without large million must " +
  "home under water room write mother area national money story young fact month different lot study book eye job"
).split(" ");
/** Words that begin with a dot: a line that is broken before one begins with a dot. */
const DOTTED: readonly string[] = [".NET", "...", ".gitignore", ".profile"];
const FOREIGN: readonly string[] = [
  "für",
  "Größe",
  "déjà",
  "señor",
  "naïve",
  "Åse",
  "smörgås",
  "日本",
  "привет",
];
const LINE = 72; // characters of a line of prose

export type MailKind = "prose" | "8-bit" | "html" | "base64";

/** Makes a message of about `size` bytes. */
export function makeMail(kind: MailKind, size: number, number: number): Buffer {
  const random = new Random(number * 7919 + size);
  const head =
    `Return-Path: <sender${number}@example.org>\r\n` +
    `Received: from mx${number % 7}.example.org (mx${number % 7}.example.org [192.0.2.${number % 250}])\r\n` +
    `\tby mail.example.com with ESMTPS id ${hex(random)}\r\n` +
    "\tfor <ann@example.com>; Sat, 21 Nov 2026 09:00:00 +0000\r\n" +
    `Message-ID: <${hex(random)}.${number}@example.org>\r\n` +
    "Date: Sat, 21 Nov 2026 09:00:00 +0000\r\n" +
    "From: Some Sender <sender@example.org>\r\nTo: Ann <ann@example.com>\r\n" +
    `Subject: ${random.of(WORDS)} ${random.of(WORDS)} ${number}\r\nMIME-Version: 1.0\r\n`;
  const body = Math.max(0, size - head.length);
  return Buffer.from(head + BODIES[kind](random, body), "utf8");
}

const BODIES: Readonly<Record<MailKind, (random: Random, size: number) => string>> = {
  prose: (random, size) => `Content-Type: text/plain; charset=us-ascii\r\n\r\n${prose(random, size, WORDS)}`,
  "8-bit": (random, size) =>
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
    prose(random, size, [...WORDS, ...FOREIGN, ...FOREIGN]),
  html: (random, size) => {
    let text =
      "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    while (text.length < size) {
      const line = `<p style=3D"margin:0;font-family:sans-serif">${random.of(WORDS)} =C3=BC ${random.of(WORDS)}`;
      text += `${line}=\r\n ${random.of(WORDS)}.</p>\r\n`;
    }
    return text;
  },
  base64: (random, size) =>
    'Content-Type: multipart/mixed; boundary="=_part"\r\n\r\n--=_part\r\nContent-Type: text/plain\r\n\r\n' +
    `${prose(random, Math.min(600, size / 4), WORDS)}--=_part\r\nContent-Type: application/octet-stream\r\n` +
    "Content-Transfer-Encoding: base64\r\n" +
    `Content-Disposition: attachment; filename=data.bin\r\n\r\n${base64Lines(random, size - 800)}--=_part--\r\n`,
};

/** Makes lines of 76 base64 characters (RFC 2045 section 6.8), in total about `size` bytes. */
export function base64Lines(random: Random, size: number): string {
  const lines = Math.max(1, Math.floor(size / 78));
  // 57 bytes make a line. A few pseudo-random kibibytes are repeated, which makes no difference to a scanner.
  const octets = Buffer.alloc(57 * Math.min(lines, 128));
  for (let at = 0; at < octets.length; at++) octets[at] = random.below(256);
  const block = octets.toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  const blockLines = octets.length / 57;
  return block.repeat(Math.floor(lines / blockLines)) + block.slice(0, (lines % blockLines) * 78);
}

/** Makes lines of sentences, in total about `size` characters. */
export function prose(random: Random, size: number, words: readonly string[] = WORDS): string {
  const lines: string[] = [];
  let line = "";
  for (let written = 0; written < size;) {
    let word = random.below(500) === 0 ? random.of(DOTTED) : random.of(words);
    if (random.below(12) === 0) word += random.of([".", ",", ";", "?"]);
    if (line.length + word.length >= LINE) {
      lines.push(line);
      written += line.length + 2;
      line = word;
    } else line += line === "" ? word : ` ${word}`;
  }
  lines.push(line);
  return lines.map((text) => `${text}\r\n`).join("");
}

function hex(random: Random): string {
  return random.below(0x7fffffff).toString(16);
}
