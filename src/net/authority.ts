// Reads and writes the host and the port of a URL.
import { isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

/** Formats a host as a URL has it: an IPv6 address is in brackets. */
export function hostText(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Formats a host and a port as a URL has them: `pop.example.com:995`, `[::1]:995`. */
export function authority({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${hostText(host)}:${String(port)}`;
}

/**
 * Converts the host of a parsed URL to a name or an address without brackets. URLs of schemes that the web
 * does not use keep a name as it was written, so it is converted to ASCII here (RFC 3490). Returns `""` if
 * it is not a name. Throws `URIError` for wrong percent-encoding.
 */
export function hostFrom(hostname: string): string {
  if (hostname.startsWith("[")) return hostname.slice(1, -1);
  return asciiHost(decodeURIComponent(hostname));
}

/** Converts a host name to ASCII (RFC 3490). Returns `""` if it has characters that no name has. */
export function asciiHost(name: string): string {
  return /^[\x21-\x7e]*$/.test(name) ? name : domainToASCII(name);
}

/** Tests whether what is sent to this host stays on this machine. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith("127.");
  return isIP(host) === 6 ? host === "::1" : /^localhost$/i.test(host);
}
