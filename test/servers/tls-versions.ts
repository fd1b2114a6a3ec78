// The versions of TLS that a server speaks, in the words of the libraries below the servers.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecureVersion } from "node:tls";

export interface TlsVersions {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
}

const all: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/**
 * Writes the file that `OPENSSL_CONF` is to name in a server's environment, and gives that environment. Servers have
 * settings for the lowest version, but not each for the highest.
 */
export async function opensslVersions(
  directory: string,
  versions: TlsVersions | undefined,
): Promise<Record<string, string>> {
  if (versions === undefined) return {};
  const path = join(directory, "openssl-versions.cnf");
  await writeFile(
    path,
    [
      "openssl_conf = everything",
      "[everything]",
      "ssl_conf = contexts",
      "[contexts]",
      "system_default = versions",
      "[versions]",
      `MinProtocol = ${versions.minVersion}`,
      `MaxProtocol = ${versions.maxVersion}`,
      // TLS 1.0 and 1.1 sign with SHA-1, which is below the level that is the default.
      ...(versions.minVersion < "TLSv1.2" ? ["CipherString = DEFAULT@SECLEVEL=0"] : []),
      "",
    ].join("\n"),
  );
  return { OPENSSL_CONF: path };
}

/** A priority string of GnuTLS. */
export function gnutlsVersions({ minVersion, maxVersion }: TlsVersions): string {
  const spoken = all.slice(all.indexOf(minVersion), all.indexOf(maxVersion) + 1);
  const names = spoken.map((version) => `+VERS-TLS${version === "TLSv1" ? "1.0" : version.slice(4)}`);
  return ["NORMAL", "-VERS-ALL", ...names].join(":");
}
