// Everything that measures stand on: the package as it was built, the peers, the load server, the distant roads
// to it. All of it ends with the benchmark.
import { execFile, fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Target } from "./contenders/contender.ts";
import type { DelayProxyReady, Road } from "./delay-proxy.ts";
import type { LoadServerReady } from "./load-server.ts";

/** The built benchmark lies in bench/dist/. */
const built = fileURLToPath(new URL(".", import.meta.url));
export const bench: string = join(built, "..");
export const root: string = join(bench, "..");

/** The package as npm would install it, beside the built benchmark. */
export const installed: string = join(built, "node_modules/popwright");

/** Copies it, so that a build that runs in the meantime changes nothing. */
export async function installPackage(): Promise<void> {
  await rm(installed, { recursive: true, force: true });
  await mkdir(installed, { recursive: true });
  await cp(join(root, "package.json"), join(installed, "package.json"));
  await cp(join(root, "dist"), join(installed, "dist"), { recursive: true });
}

/** Installs the peers, when they are not there. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(bench, "node_modules/yapople"))) return;
  process.stderr.write("installing the peers into bench/node_modules\n");
  await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund"], { cwd: bench });
}

/** The way to a server that is so far away. */
export interface Way {
  readonly plain: number;
  readonly tls: number;
  /** Where round trips are counted. */
  readonly counts: number;
}

export class Stage {
  readonly ca: string;
  /** A directory for files of programs; holds the certificate to trust as `ca.pem`. */
  readonly directory: string;
  readonly #server: LoadServerReady;
  readonly #children: ChildProcess[];

  static async set(): Promise<Stage> {
    const [server, child] = await start<LoadServerReady>("load-server.js", []);
    const directory = await mkdtemp(join(tmpdir(), "popwright-bench-"));
    await writeFile(join(directory, "ca.pem"), server.ca);
    return new Stage(server, child, directory);
  }

  private constructor(server: LoadServerReady, child: ChildProcess, directory: string) {
    this.#server = server;
    this.#children = [child];
    this.directory = directory;
    this.ca = server.ca;
  }

  target(mailbox: string, tls = false): Target {
    return tls
      ? { port: this.#server.tlsPort, ca: this.ca, mailbox }
      : { port: this.#server.port, ca: undefined, mailbox };
  }

  /** The same over a way. */
  over(way: Way, mailbox: string, tls: boolean): Target {
    return { ...this.target(mailbox, tls), port: tls ? way.tls : way.plain };
  }

  /** A way with a round trip of so many milliseconds, through a process of its own. */
  async way(roundTrip: number): Promise<Way> {
    const roads: Road[] = [this.#server.port, this.#server.tlsPort].map((to) => ({
      to,
      delay: roundTrip / 2,
    }));
    const [{ ports, counts }, child] = await start<DelayProxyReady>("delay-proxy.js", [
      JSON.stringify(roads),
    ]);
    this.#children.push(child);
    return { plain: ports[0] as number, tls: ports[1] as number, counts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function start<R>(file: string, args: readonly string[]): Promise<[R, ChildProcess]> {
  const child = fork(join(built, file), args);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`${file} ended with ${String(code)}`));
    });
    child.once("message", (ready) => {
      resolve([ready as R, child]);
    });
  });
}
