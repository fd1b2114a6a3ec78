// A simulated process: the globals and the modules of Node that its program gets, in simulated time and on a simulated
// disk. It can be killed, and stopped and continued, between any two of its steps.
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import { systemError, type Disk } from "../crash/disk.ts";
import { FileSystem, type Call, type FileHost } from "../crash/file-system.ts";
import type { Distortion } from "../crash/machine.ts";
import type { File } from "../crash/nodes.ts";
import type { Computer } from "./computer.ts";
import { stepOf } from "./step.ts";
import type { Event } from "./schedule.ts";

const real = createRequire(import.meta.url);

/** The longest delay of `setTimeout`; Node takes longer ones as 1 ms. */
const LONGEST_TIMER = 0x7fff_ffff;

/** The calls that need space. */
const NEEDS_SPACE: ReadonlySet<string> = new Set(["mkdir", "link"]);

/** The type of ext4, as `statfs` reports it. */
const EXT4 = 0xef53;

interface Timer {
  event: Event | undefined;
  readonly repeats: boolean;
  readonly delay: number;
  readonly fire: () => void;
  ref(): Timer;
  unref(): Timer;
  hasRef(): boolean;
  refresh(): Timer;
  close(): Timer;
}

export class SimulatedProcess implements FileHost {
  readonly pid: number;
  readonly name: string;
  readonly disk: Disk;
  readonly distortion: Distortion = {};
  readonly #computer: Computer;
  readonly #began: number;
  #state: "runs" | "stopped" | "dead" = "runs";
  /** What happened while the process was stopped. */
  #held: (() => void)[] = [];
  /** What it did last. */
  step = "start";
  /** Whether a write of it was cut off: it is killed there. */
  isCutOff = false;
  /** Called when the process ends, for any reason. `power`: the machine has no power any more. */
  readonly onEnd: Set<(power: boolean) => void> = new Set();
  /** What it has read from mail servers; octets. */
  octetsRead = 0;
  /** Called with each line on its standard error: warnings, and, if it is set before the program starts, debug lines. */
  onLine: ((line: string) => void) | undefined;
  /** Called when the process asks for a change of a file. */
  onChange: (call: Call) => void = () => undefined;

  constructor(computer: Computer, pid: number) {
    this.#computer = computer;
    this.pid = pid;
    this.name = `p${String(pid)}`;
    this.disk = computer.disk;
    this.#began = computer.schedule.now;
  }

  get process(): { readonly pid: number; stopped: boolean } {
    return { pid: this.pid, stopped: this.#state === "stopped" };
  }

  get state(): "runs" | "stopped" | "dead" {
    return this.#state;
  }

  readonly now = (): number => Math.floor(this.#computer.wallTime());

  /** Lets something happen in the process: now, when it continues, or never. */
  enter(run: () => void): void {
    if (this.#state === "stopped") this.#held.push(run);
    else if (this.#state === "runs") run();
  }

  stop(): void {
    if (this.#state === "runs") this.#state = "stopped";
  }

  continue(): void {
    if (this.#state !== "stopped") return;
    this.#state = "runs";
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.#computer.schedule.after(0, () => this.enter(run));
  }

  /** Ends the process at once. */
  end(power = false): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#held = [];
    for (const listener of this.onEnd) listener(power);
  }

  operate<T>(operation: (complete: number) => T, call: Call): Promise<T> {
    const { schedule, chance, faults, disk } = this.#computer;
    const complete = disk.order;
    const step = stepOf(call);
    this.onChange(call);
    return new Promise<T>((resolve, reject) => {
      const isSync = call.name === "fsync";
      let delay = isSync ? chance.between(0.3, 30) : chance.between(0.01, 2);
      if (faults.strikes("disk stalls", step)) delay += chance.between(1000, 200_000);
      schedule.after(delay, () => {
        // Without power nothing happens. What a killed process has asked for may happen, or not.
        if (this.#computer.disk !== this.disk) return;
        if (this.#state === "dead" && chance.happens(0.5)) return;
        let settle: () => void;
        let said = "";
        try {
          const code = this.#faultOf(call, step);
          if (code !== undefined) throw systemError(code, call.name, call.path);
          const result = operation(complete);
          settle = () => resolve(result);
        } catch (error) {
          said = ` ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
          settle = () => reject(error instanceof Error ? error : new Error(String(error)));
        }
        this.#computer.tell(this.name, `${call.name} ${call.path}${said}`);
        schedule.after(chance.between(0.005, 0.2), () => this.enter(settle));
        this.#computer.passed(this, step);
      });
    });
  }

  room(path: string, octets: number, goesOn: boolean): number {
    const { schedule, chance, faults, fullUntil } = this.#computer;
    if (schedule.now < fullUntil) return chance.below(octets);
    if (octets < 2) return octets;
    const step = stepOf({ name: "write", path });
    // Linux ends the write of a killed process between two pages. Other files are torn by a loss of power.
    this.isCutOff =
      step === "write mbox" && this.#state === "runs" && faults.strikes("kill in a write", step);
    if (this.isCutOff || (!goesOn && faults.strikes("short write", step)))
      return 1 + chance.below(octets - 1);
    return octets;
  }

  #faultOf(call: Call, step: string): string | undefined {
    const computer = this.#computer;
    const { schedule, chance, faults } = computer;
    const needsSpace = NEEDS_SPACE.has(call.name);
    if ((needsSpace || call.name === "write") && faults.strikes("disk full", step))
      computer.fullUntil = schedule.now + chance.between(5, 900_000);
    if (needsSpace && schedule.now < computer.fullUntil) return "ENOSPC";
    if (call.name === "fsync") {
      if (!faults.strikes("sync fails", step)) return undefined;
      // Linux forgets which pages were not written: a later sync succeeds without them.
      const node = this.disk.find(call.path);
      if (node?.kind === "file" && chance.happens(0.5)) forget(node);
      return "EIO";
    }
    // Closing a file reports no error of the disk that a program could act on.
    if (call.name !== "close" && faults.strikes("disk error", step))
      return call.name === "open" && chance.happens(0.5) ? "EMFILE" : "EIO";
    return undefined;
  }

  /** The names that the program finds in place of the globals and of `require`. */
  globals(): Readonly<Record<string, unknown>> {
    const computer = this.#computer;
    const { schedule } = computer;
    const files = new FileSystem(() => this);
    const now = (): number => Math.floor(computer.wallTime());
    class SimulatedDate extends Date {
      static override now = now;

      constructor(...given: number[]) {
        super(...((given.length === 0 ? [now()] : given) as [number]));
      }
    }
    const isAlive = (pid: number): true => {
      if (!computer.isAlive(pid)) throw systemError("ESRCH", "kill", String(pid));
      return true;
    };
    const octets = (length: number): Buffer => computer.chance.octets(length);
    const modules: Readonly<Record<string, unknown>> = {
      "node:fs/promises": Object.assign({}, files, {
        statfs: () => this.operate(() => ({ type: EXT4 }), { name: "statfs", path: "/" }),
        readFile: (path: string, options?: BufferEncoding) =>
          path.startsWith("/proc/")
            ? Promise.resolve(`boot-${String(computer.boot)}`)
            : files.readFile(path, options),
      }),
      "node:crypto": {
        ...(real("node:crypto") as object),
        randomBytes: octets,
        randomUUID: () => octets(16).toString("hex"),
      },
      "node:os": { ...(real("node:os") as object), hostname: () => "simulated", tmpdir: () => "/tmp" },
      "node:http": httpOf((host) => computer.dial(this, host)),
      debug: () =>
        Object.assign((...words: readonly string[]) => this.onLine?.(words.join(" ")), {
          enabled: this.onLine !== undefined,
        }),
    };
    return {
      require: (name: string): unknown => modules[name] ?? real(name),
      Date: SimulatedDate,
      Math: Object.create(Math, { random: { value: computer.chance.next } }) as Math,
      performance: { now: () => schedule.now - this.#began },
      process: withOwn(process, {
        pid: this.pid,
        platform: "linux",
        env: this.onLine === undefined ? {} : { DEBUG: "popwright:*" },
        hrtime: { bigint: () => BigInt(Math.round(schedule.now * 1e6)) },
        kill: isAlive,
        nextTick: process.nextTick.bind(process),
        emitWarning: (warning: unknown) => computer.tell(this.name, `warning ${String(warning)}`),
      }),
      setTimeout: (call: (...given: unknown[]) => void, delay?: number, ...given: unknown[]) =>
        this.#timer(() => call(...given), delay, false),
      setInterval: (call: (...given: unknown[]) => void, delay?: number, ...given: unknown[]) =>
        this.#timer(() => call(...given), delay, true),
      setImmediate: (call: (...given: unknown[]) => void, ...given: unknown[]) => {
        const timer = this.#timer(() => call(...given), 0, false);
        if (timer.event !== undefined) schedule.cancel(timer.event);
        return this.#set(timer, 0);
      },
      ...{ clearTimeout: this.#clear, clearInterval: this.#clear, clearImmediate: this.#clear },
    };
  }

  #timer(fire: () => void, delay = 1, repeats: boolean): Timer {
    const milliseconds = delay >= 1 && delay <= LONGEST_TIMER ? Math.trunc(delay) : 1;
    const timer: Timer = {
      event: undefined,
      repeats,
      delay: milliseconds,
      fire,
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
      refresh: () => {
        this.#clear(timer);
        return this.#set(timer, milliseconds);
      },
      close: () => {
        this.#clear(timer);
        return timer;
      },
    };
    return this.#set(timer, milliseconds);
  }

  #set(timer: Timer, delay: number): Timer {
    const { schedule } = this.#computer;
    const event = schedule.after(delay, () => {
      this.enter(() => {
        // It was cleared while the process was stopped.
        if (timer.event !== event) return;
        timer.event = undefined;
        if (timer.repeats) this.#set(timer, timer.delay);
        timer.fire();
      });
    });
    timer.event = event;
    return timer;
  }

  readonly #clear = (timer: Timer | undefined): void => {
    const event = timer?.event;
    if (timer === undefined || event === undefined) return;
    timer.event = undefined;
    this.#computer.schedule.cancel(event);
  };
}

/** The module `node:http`, with connections to simulated servers. */
function httpOf(dial: (host: string) => Promise<Duplex>): unknown {
  const http = real("node:http") as typeof import("node:http");
  class Agent extends http.Agent {
    override createConnection(
      { host }: { readonly host?: string | null },
      done: (error: Error | null, socket?: Duplex) => void,
    ): undefined {
      dial(host ?? "").then((socket) => done(null, socket), done);
    }
  }
  return { ...http, Agent };
}

/** The pages of a file count as written, and are not on the disk. */
function forget(file: File): void {
  file.pending = [];
}

/** An object with some properties of its own, and all others of another one. */
function withOwn(object: object, own: object): unknown {
  return Object.create(object, Object.getOwnPropertyDescriptors(own));
}
