// Sets up what the measures need: the built package, the other clients, the load server, and slow routes to
// it. All processes end with the benchmark.
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

/** The built benchmark is in bench/dist/. */
const built = fileURLToPath(new URL(".", import.meta.url));
export const bench: string = join(built, "..");
export const root: string = join(bench, "..");

/** The package as npm would install it, next to the built benchmark. */
export const installed: string = join(built, "node_modules/popwright");

/** Copies the package, so that a build during the benchmark does not change it. */
export async function installPackage(): Promise<void> {
  await rm(installed, { recursive: true, force: true });
  await mkdir(installed, { recursive: true });
  await cp(join(root, "package.json"), join(installed, "package.json"));
  await cp(join(root, "dist"), join(installed, "dist"), { recursive: true });
}

/** Installs the other clients if they are missing. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(bench, "node_modules/yapople"))) return;
  process.stderr.write("installing the other clients into bench/node_modules\n");
  await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund"], { cwd: bench });
}

/** A route to the server with a delay. */
export interface Way {
  readonly plain: number;
  readonly tls: number;
  /** The port of the delay proxy that returns the count of round trips. */
  readonly counts: number;
}

export class Stage {
  readonly ca: string;
  /** A directory for the files of programs. It has the certificate to trust as `ca.pem`. */
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

  /** Returns the same target over a route. */
  over(way: Way, mailbox: string, tls: boolean): Target {
    return { ...this.target(mailbox, tls), port: tls ? way.tls : way.plain };
  }

  /** Opens a route with the given round-trip time in milliseconds, through a separate process. */
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
