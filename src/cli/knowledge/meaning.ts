// What a server's words mean, as far as that is known.
import { ANYBODY } from "./anybody.ts";
import { GOOGLE } from "./google.ts";
import type { KnownText, Stage } from "./known-text.ts";
import { MAIL_SERVICES } from "./mail-services.ts";
import { MICROSOFT } from "./microsoft.ts";
import { SERVER_SOFTWARE } from "./server-software.ts";

/** The more special a row, the further up it stands. */
export const KNOWN_TEXTS: readonly KnownText[] = [
  ...GOOGLE,
  ...MICROSOFT,
  ...MAIL_SERVICES,
  ...SERVER_SOFTWARE,
  ...ANYBODY,
];

/** The row for what a server said at `stage`; without a stage, for what it may have said anywhere. */
export function meaningOf(text: string, stage: Stage | undefined): KnownText | undefined {
  const readings = [text, chinese(text)];
  return KNOWN_TEXTS.find(
    ({ at, pattern }) =>
      (at === "anywhere" || stage === undefined || at === stage) &&
      readings.some((reading) => reading !== undefined && pattern.test(reading)),
  );
}

/** Whether it is the words of one provider, who has nothing to do with any other. */
export function isOfOneProvider(row: KnownText): boolean {
  return GOOGLE.includes(row) || MICROSOFT.includes(row) || MAIL_SERVICES.includes(row);
}

/** Octets that are no UTF-8 were read as Latin-1, and are escaped: here as what Chinese servers write (GB 18030). */
function chinese(text: string): string | undefined {
  const octets = text.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  if (!/^[^\u0100-\uffff]*[\x80-\xff][^\u0100-\uffff]*$/.test(octets)) return undefined;
  return new TextDecoder("gb18030").decode(Buffer.from(octets, "latin1"));
}
