// Random words of others: secrets in many forms, escapes and invisible characters between ordinary words.
import { expect } from "vitest";
import fc from "./fast-check.ts";
import { PROXY_SECRET, SECRET, USER } from "./foreign-places.ts";
import { base64 } from "./secret.ts";
import { times } from "./octets.ts";

/** A password in the forms in which a peer may repeat it. */
const PASSWORDS: readonly string[] = [
  SECRET,
  SECRET.toUpperCase(),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString("hex"),
  base64(SECRET),
  base64(`\0${USER}\0${SECRET}`),
  base64(`xy${SECRET}z`),
];

const SECRETS: readonly string[] = [...PASSWORDS, USER, USER.toUpperCase(), base64(USER)];

const UNSAFE: readonly string[] = [
  ...["\x1b[2J", "\x1b]8;;x\x07", "\x07", "\b", "\x7f", "\x9b2J", "\u0085", "\u2028", "\u2029"],
  ...["\u202e", "\u2066", "\u200b", "\u200d", "\u00ad", "\ufeff", "\ufe0f", "\u{e0041}", "\u{e0001}"],
];

const word = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...SECRETS) },
      { weight: 3, arbitrary: fc.constantFrom(...UNSAFE) },
      fc.constantFrom("wrong", "password", "[AUTH]", ", ", " ", "漢", "é", "<", ">"),
    ),
    { minLength: 1, maxLength: 6 },
  )
  // Between spaces, as two words of base64 that touch are a third one.
  .map((parts) => parts.join(" ").trim())
  .filter((text) => text !== "" && !text.startsWith("."));

const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;

export type Places = Readonly<Record<string, (word: string) => Promise<string>>>;

/** What must not be seen: passwords with the names of users, passwords alone, or nothing but invisible characters. */
const HIDDEN: Readonly<Record<"all" | "passwords" | "invisible", readonly string[]>> = {
  all: [...SECRETS, PROXY_SECRET],
  passwords: PASSWORDS,
  invisible: [],
};

/** Puts `count` random words into the places, in turn, and looks at what can be seen of each. */
export async function showsNothing(
  places: Places,
  count: number,
  hidden: keyof typeof HIDDEN = "all",
): Promise<void> {
  const names = Object.keys(places);
  let at = 0;
  await fc.assert(
    fc.asyncProperty(word, async (words) => {
      const name = names[at++ % names.length] as string;
      const seen = (await (places[name] as Places[string])(words)).replaceAll(/[\n\t]/g, " ");
      const text = seen.toLowerCase();
      const found = HIDDEN[hidden].filter((secret) => text.includes(secret.toLowerCase()));
      expect(found, name).toEqual([]);
      const invisible = INVISIBLE.exec(seen);
      const around =
        invisible === null ? "" : seen.slice(Math.max(0, invisible.index - 60), invisible.index + 20);
      expect(JSON.stringify(around), name).toBe('""');
    }),
    { seed: 1939, numRuns: times(count), endOnFailure: true },
  );
}
