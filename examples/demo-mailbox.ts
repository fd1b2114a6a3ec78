// Makes a mailbox with the kinds of mail that clients are known to damage. The bytes are always the same.

const crlf = (text: string): string => text.replaceAll(/\r?\n/g, "\r\n");

/** Makes a message with the common headers. Every line ends with CRLF. */
function message(headers: Record<string, string>, body: string | Buffer): Buffer {
  const lines = Object.entries({ Date: "Sat, 21 Nov 2026 09:00:00 +0000", To: "ann@example.com", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  return Buffer.concat([
    Buffer.from(`${lines}\r\n`),
    typeof body === "string" ? Buffer.from(crlf(body)) : body,
  ]);
}

/** Makes pseudo-random bytes, the same each time (an xorshift generator). */
function noise(length: number): Buffer {
  const octets = Buffer.alloc(length);
  let state = 20_261_121;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    octets[at] = state & 0xff;
  }
  return octets;
}

/** Encodes as base64 in lines of 76 characters (RFC 2045 section 6.8). */
function base64(octets: Buffer): string {
  return octets.toString("base64").replaceAll(/.{1,76}/g, "$&\r\n");
}

function multipart(
  headers: Record<string, string>,
  text: string,
  file: { name: string; type: string; octets: Buffer },
): Buffer {
  const boundary = "=_next_part";
  return message(
    { ...headers, "MIME-Version": "1.0", "Content-Type": `multipart/mixed; boundary="${boundary}"` },
    [
      `--${boundary}`,
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      text,
      `--${boundary}`,
      `Content-Type: ${file.type}; name="${file.name}"`,
      "Content-Transfer-Encoding: base64",
      `Content-Disposition: attachment; filename="${file.name}"`,
      "",
      `${base64(file.octets)}--${boundary}--`,
      "",
    ].join("\n"),
  );
}

/** A PNG of one grey pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==",
  "base64",
);

/** Makes the mailbox. The last message but one has about 20 MB. */
export function demoMailbox(): Buffer[] {
  const utf8 = {
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Transfer-Encoding": "8bit",
  };
  return [
    message(
      { From: "Bob <bob@example.org>", Subject: "Lunch?" },
      "Ann,\n\nat noon, the usual place?\n\nBob\n",
    ),
    message(
      { From: "Zoë <zoe@example.org>", Subject: "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?=", ...utf8 },
      "Grüße, 你好, привет, 🙂\n",
    ),
    message(
      {
        From: "jose@example.org",
        Subject: "=?iso-8859-1?Q?caf=E9_ma=F1ana?=",
        "Content-Type": "text/plain; charset=iso-8859-1",
      },
      Buffer.from("El café, mañana a las diez.\r\n", "latin1"),
    ),
    message(
      { From: "cron@example.org", Subject: "Lines that begin with dots" },
      ".\n..\n...\n.forward\n.profile\n.\nand a line with one dot is not the end\n.\n",
    ),
    multipart(
      { From: "shop@example.org", Subject: "Your invoice 2026-1121" },
      "See the attachment. Thank you – 12,50 €",
      {
        name: "invoice.pdf",
        type: "application/pdf",
        octets: noise(180_000),
      },
    ),
    multipart({ From: "cam@example.org", Subject: "A very small picture" }, "One pixel.", {
      name: "pixel.png",
      type: "image/png",
      octets: PIXEL,
    }),
    message({ From: "list@example.org", Subject: "No body at all" }, ""),
    message(
      { From: "old@example.org", Subject: "The last line has no end" },
      "The server adds the CRLF that is missing here",
    ),
    message({ From: "log@example.org", Subject: "A line of a million bytes" }, `${"x".repeat(1_000_000)}\n`),
    message(
      { From: "raw@example.org", Subject: "Bytes of every value" },
      Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)), Buffer.from("\r\n")]),
    ),
    multipart({ From: "film@example.org", Subject: "The holiday film" }, "It became 15 MB, sorry.", {
      name: "holiday.mp4",
      type: "video/mp4",
      octets: noise(15_000_000),
    }),
    message(
      { From: "Bob <bob@example.org>", Subject: "Re: Lunch?" },
      "> at noon, the usual place?\n\nSee you there.\n",
    ),
  ];
}
