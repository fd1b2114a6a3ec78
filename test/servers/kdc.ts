// A Kerberos realm of its own (MIT krb5): the machine's own realm is not read, and no name is looked up.
import { chmodSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inDirectory, removeDirectory } from "./directory.ts";
import { launch, stopAll } from "./launch.ts";
import { accepts, onFreePorts } from "./ports.ts";
import type { ServerProcess } from "./process.ts";
import { run } from "./tool.ts";

export interface KdcOptions {
  /** Principals of users, without their realm. Each has a ticket from the start on. */
  readonly users: readonly string[];
  /** Principals of services. @default POP3's on localhost and 127.0.0.1 */
  readonly services?: readonly string[];
  /** @default POPWRIGHT.TEST */
  readonly realm?: string;
}

/** What a service has to know of a realm. */
export interface KerberosRealm {
  /** Path of krb5.conf, for `KRB5_CONFIG`. */
  readonly configFile: string;
  /** Path of the keys of the services, for `KRB5_KTNAME`. */
  readonly keytab: string;
}

/** What has to stand in the environment of a service. */
export function acceptorEnvironment({ configFile, keytab }: KerberosRealm): Record<string, string> {
  // Of the tickets that were seen nothing is kept: that would lie outside of the server's directory.
  return { KRB5_CONFIG: configFile, KRB5_KTNAME: keytab, KRB5RCACHENAME: "none:" };
}

/** What has to stand in the environment of a client: the realm, and the tickets of one user. */
export type InitiatorEnvironment = Readonly<Record<"KRB5_CONFIG" | "KRB5CCNAME", string>>;

const services: readonly string[] = ["pop/localhost", "pop/127.0.0.1"];

export class Kdc implements KerberosRealm {
  readonly realm: string;
  readonly port: number;
  readonly configFile: string;
  readonly keytab: string;
  readonly #directory: string;
  readonly #processes: readonly ServerProcess[];
  readonly #users: readonly string[];

  /** Starts a key distribution centre. Rejects if it is not installed, or with its own words if it does not start. */
  static async start(options: KdcOptions): Promise<Kdc> {
    return onFreePorts(1, ([port = 0]) =>
      inDirectory("kdc", async (directory) => {
        const { realm = "POPWRIGHT.TEST", users } = options;
        const env = kdcEnvironment(directory);
        await writeFile(env.KRB5_CONFIG, clientConf(realm, port));
        await writeFile(env.KRB5_KDC_PROFILE, kdcConf(realm, port, directory));
        await createPrincipals(directory, realm, options);
        const processes = await launch({
          name: "krb5kdc",
          processes: [{ command: ["krb5kdc", "-n"], directory, env, output: join(directory, "output.log") }],
          logs: [join(directory, "kdc.log")],
          ready: () => accepts(port),
        });
        const kdc = new Kdc(directory, realm, port, processes, users);
        try {
          for (const user of users) await kdc.#takeTicket(user);
          return kdc;
        } catch (error) {
          await stopAll(processes);
          throw error;
        }
      }),
    );
  }

  private constructor(
    directory: string,
    realm: string,
    port: number,
    processes: readonly ServerProcess[],
    users: readonly string[],
  ) {
    this.realm = realm;
    this.port = port;
    this.configFile = kdcEnvironment(directory).KRB5_CONFIG;
    this.keytab = join(directory, "services.keytab");
    this.#directory = directory;
    this.#processes = processes;
    this.#users = users;
  }

  /** What lets a process act for `user`: it finds the realm, and a ticket. */
  environment(user: string): InitiatorEnvironment {
    const number = this.#users.indexOf(user);
    if (number === -1) throw new TypeError(`No such principal: ${user}`);
    return { KRB5_CONFIG: this.configFile, KRB5CCNAME: `FILE:${join(this.#directory, `tickets-${number}`)}` };
  }

  /** Lets this process act for `user` until that is disposed of. One user at a time. */
  actAs(user: string): Disposable {
    const environment = Object.entries(this.environment(user));
    const before = environment.map(([name]) => [name, process.env[name]] as const);
    for (const [name, value] of environment) process.env[name] = value;
    return {
      [Symbol.dispose]: () => {
        for (const [name, value] of before) {
          if (value === undefined) Reflect.deleteProperty(process.env, name);
          else process.env[name] = value;
        }
      },
    };
  }

  /** Ends the server and removes its directory, keys and tickets with it. */
  async stop(): Promise<void> {
    await stopAll(this.#processes);
    await removeDirectory(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #takeTicket(user: string): Promise<void> {
    const keytab = join(this.#directory, "users.keytab");
    await run(["kinit", "-k", "-t", keytab, user], { env: this.environment(user) });
  }
}

function kdcEnvironment(directory: string): { KRB5_CONFIG: string; KRB5_KDC_PROFILE: string } {
  return { KRB5_CONFIG: join(directory, "krb5.conf"), KRB5_KDC_PROFILE: join(directory, "kdc.conf") };
}

function clientConf(realm: string, port: number): string {
  return `
[libdefaults]
default_realm = ${realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
# A service takes whichever of its names the client knows.
ignore_acceptor_hostname = true
[realms]
${realm} = {
  kdc = 127.0.0.1:${port}
}
`;
}

function kdcConf(realm: string, port: number, directory: string): string {
  return `
[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:${port}
[realms]
${realm} = {
  database_name = ${directory}/principals
  key_stash_file = ${directory}/stash
  acl_file = ${directory}/acl
}
[logging]
kdc = FILE:${directory}/kdc.log
admin_server = FILE:${directory}/kdc.log
default = FILE:${directory}/kdc.log
`;
}

/** Makes the database, with a random key for each principal: the users' in one file, the services' in another. */
async function createPrincipals(directory: string, realm: string, options: KdcOptions): Promise<void> {
  const env = kdcEnvironment(directory);
  // The password of the database stays in this directory, and goes with it.
  await run(["kdb5_util", "create", "-s", "-P", "nobody needs it", "-r", realm], { env });
  const principals = (names: readonly string[], keytab: string): string[] =>
    names.flatMap((name) => [`addprinc -randkey "${name}"`, `ktadd -k ${join(directory, keytab)} "${name}"`]);
  const input = [
    ...principals(options.users, "users.keytab"),
    ...principals(options.services ?? services, "services.keytab"),
  ];
  await run(["kadmin.local", "-r", realm], { env, input: `${input.join("\n")}\n` });
  // The servers' own users read it.
  chmodSync(join(directory, "services.keytab"), 0o644);
}
