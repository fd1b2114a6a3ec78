// Reads the certificates that a user trusts.
import { readFileSync } from "node:fs";
import { printable } from "../protocol/printable.ts";
import { ConfigurationError } from "./usage-error.ts";

/** Reads a file of certificates. Throws {@link ConfigurationError} if it cannot be read, or has none in PEM form. */
export function readCertificates(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigurationError(
      `cannot read the certificates in ${printable(path)}: ${printable((error as Error).message)}`,
      { cause: error },
    );
  }
  if (text.includes("-----BEGIN ")) return text;
  throw new ConfigurationError(
    `${printable(path)} has no certificate in PEM form: it must have a line -----BEGIN CERTIFICATE-----. \`openssl x509 -inform der -in FILE\` converts one`,
  );
}
