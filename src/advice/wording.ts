// Words of the advice: counts and sizes, and what programs call the options of the command line.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Formats a number of bytes: `4.2 MB`. Units are powers of 1,000, as in most file managers. */
export function octetsText(octets: number): string {
  let unit = 0;
  let value = octets;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 99.5 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** Formats a count: `1 message`, `2 messages`. */
export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** The options of the command line, and of the library. */
const OPTIONS: readonly (readonly [string, string])[] = [
  ['--proxy, POPWRIGHT_PROXY, or "proxy" in the configuration', "the option proxy"],
  [
    "pass its certificate, or the one of its authority, with --ca FILE",
    "give its certificate, or the one of its authority, in tls.ca",
  ],
  ["--ca FILE helps", "The option tls.ca helps"],
  ["use --login, --token-command or POPWRIGHT_TOKEN", "use auth.accessToken"],
  ["(--login, --token-command)", "(auth.accessToken)"],
  ["(`popwright login microsoft`, or --token-command)", "(auth.accessToken)"],
  ["(`popwright login google`)", "(auth.accessToken)"],
  ["(--token-command)", "(auth.accessToken)"],
  ["`popwright fetch --force`", "The option force"],
];

/** Returns advice in the words of the library: it names options of the client. */
export function forPrograms(advice: string): string {
  return OPTIONS.reduce((text, [ours, theirs]) => text.replaceAll(ours, theirs), advice);
}
