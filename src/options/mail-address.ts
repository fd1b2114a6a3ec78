// Compares mail addresses: which of them name one mailbox.

/** Whether two addresses are of one mailbox, see {@link canonicalAddress}. */
export function sameAddress(a: string, b: string): boolean {
  return canonicalAddress(a) === canonicalAddress(b);
}

/** One form for all spellings of an address. At Gmail dots before the "@" do not count, and it has a second name. */
export function canonicalAddress(address: string): string {
  const lower = address.toLowerCase();
  const [, local = "", domain = ""] = /^(.*)@(.*)$/s.exec(lower) ?? ["", lower, ""];
  return domain === "gmail.com" || domain === "googlemail.com"
    ? `${local.replaceAll(".", "")}@gmail.com`
    : `${local}@${domain}`;
}
