// Which call runs next: the oldest whose maildrop and host are free, within the limits.
import { describe, expect, test } from "vitest";
import { Scheduler, type Permit, type SchedulerLimits } from "../../src/pool/scheduler.ts";
import { codeOf } from "../support/outcome.ts";
import { turns as loops } from "../support/turns.ts";
import { expectNothingUnhandled } from "../support/unhandled.ts";

expectNothingUnhandled();

/** Calls, and a log of what became of each. */
class Scene {
  readonly turns: Scheduler;
  readonly #log: string[] = [];
  readonly #held: Map<string, Permit> = new Map();

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.turns = new Scheduler({ all: Infinity, perHost: Infinity, waiting: Infinity, ...limits });
  }

  /** `key` is `maildrop@host`; `name` is how the log calls it. */
  take(key: string, name = key, signal?: AbortSignal): this {
    const taken = this.turns.take({ maildrop: key, host: key.split("@")[1] as string }, signal);
    this.#note(
      name,
      taken.then((turn) => this.#held.set(name, turn)),
    );
    return this;
  }

  resume(name: string, signal?: AbortSignal): this {
    this.#note(`${name}+`, this.#turn(name).resume(signal));
    return this;
  }

  pause(name: string): this {
    this.#turn(name).pause();
    return this;
  }

  release(...names: string[]): this {
    for (const name of names) this.#turn(name).release();
    return this;
  }

  /** What has happened since the last time. */
  async news(): Promise<string> {
    await loops(2);
    return this.#log.splice(0).join(" ");
  }

  #turn(name: string): Permit {
    return this.#held.get(name) as Permit;
  }

  #note(name: string, call: Promise<unknown>): void {
    void codeOf(call).then((code) => this.#log.push(code === "resolved" ? name : `${name}:${code}`));
  }
}

describe("limits", () => {
  test("allow one call per maildrop, in the order of the calls", async () => {
    const scene = new Scene().take("a@x", "1").take("a@x", "2").take("b@x").take("a@x", "3");
    expect(await scene.news()).toBe("1 b@x");
    expect(await scene.release("1").news()).toBe("2");
    expect(await scene.release("2").news()).toBe("3");
  });

  test("allow perHost calls on a host", async () => {
    const scene = new Scene({ perHost: 2 }).take("a@x").take("b@x").take("c@x").take("d@y").take("e@x");
    expect(await scene.news()).toBe("a@x b@x d@y");
    expect([scene.turns.activeOn("x"), scene.turns.activeOn("y"), scene.turns.activeOn("z")]).toEqual([
      2, 1, 0,
    ]);
    expect(await scene.release("b@x").news()).toBe("c@x");
    expect(await scene.release("d@y").news()).toBe("");
    expect(await scene.release("a@x").news()).toBe("e@x");
  });

  test("allow all calls in total", async () => {
    const scene = new Scene({ all: 2 }).take("a@x").take("b@y").take("c@z").take("d@y");
    expect(await scene.news()).toBe("a@x b@y");
    expect([scene.turns.active, scene.turns.waiting]).toEqual([2, 2]);
    expect(await scene.release("b@y").news()).toBe("c@z");
  });

  test("allow waiting calls to wait, and do not count calls that can run at once", async () => {
    const scene = new Scene({ perHost: 1, waiting: 1 }).take("a@x").take("b@x");
    expect(await scene.news()).toBe("a@x");
    expect(await scene.take("c@x").news()).toBe("c@x:POP3_POOL_FULL");
    expect(await scene.take("d@y").news()).toBe("d@y");
    expect(await scene.release("a@x").take("c@x").news()).toBe("b@x");
  });

  test("allow no call to wait if waiting is 0", async () => {
    const scene = new Scene({ all: 1, waiting: 0 }).take("a@x").take("b@x");
    expect((await scene.news()).split(" ").sort()).toEqual(["a@x", "b@x:POP3_POOL_FULL"]);
    expect(await scene.release("a@x").take("b@x").news()).toBe("b@x");
  });
});

describe("fairness", () => {
  test("a busy host delays no call for another", async () => {
    const scene = new Scene({ perHost: 1, all: 3 }).take("a@x");
    for (let at = 0; at < 100; at++) scene.take(`b${at}@x`);
    scene.take("c@y");
    expect(await scene.news()).toBe("a@x c@y");
  });

  test("a busy maildrop delays no other call on its host", async () => {
    const scene = new Scene({ perHost: 2 }).take("a@x", "1").take("a@x", "2").take("a@x", "3").take("b@x");
    expect(await scene.news()).toBe("1 b@x");
  });

  test("the host of the oldest call goes first", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("b@y").take("c@x").take("d@z").take("e@y");
    expect(await scene.news()).toBe("a@x");
    expect(await scene.release("a@x").news()).toBe("b@y");
    expect(await scene.release("b@y").news()).toBe("c@x");
    expect(await scene.release("c@x").news()).toBe("d@z");
    expect(await scene.release("d@z").news()).toBe("e@y");
  });

  test("a call for the released maildrop goes before younger calls for the released slot", async () => {
    const scene = new Scene({ all: 1 }).take("a@x", "1").take("a@x", "2").take("b@y");
    expect(await scene.news()).toBe("1");
    expect(await scene.release("1").news()).toBe("2");
  });

  test("ten thousand waiting calls all run", async () => {
    const turns = new Scheduler({ all: 50, perHost: 5, waiting: 10_000 });
    let [most, done] = [0, 0];
    const calls = Array.from({ length: 10_050 }, async (_, at) => {
      const turn = await turns.take({ maildrop: String(at % 2000), host: String(at % 20) });
      most = Math.max(most, turns.active);
      await Promise.resolve();
      turn.release();
      done++;
    });
    await Promise.all(calls);
    expect([most, done, turns.active, turns.waiting]).toEqual([50, 10_050, 0, 0]);
  });
});

describe("a pause", () => {
  test("gives its slots to others, and keeps the maildrop", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("a@x", "2").take("b@y");
    expect(await scene.news()).toBe("a@x");
    expect(await scene.pause("a@x").news()).toBe("b@y");
    expect(await scene.release("b@y").news()).toBe("");
    expect(scene.turns.active).toBe(0);
    expect(await scene.resume("a@x").news()).toBe("a@x+");
    expect(scene.turns.activeOn("x")).toBe(1);
    expect(await scene.release("a@x").news()).toBe("2");
  });

  test("ends before younger calls run", async () => {
    const scene = new Scene({ perHost: 1 }).take("a@x").take("b@x").take("c@x");
    expect(await scene.news()).toBe("a@x");
    expect(await scene.pause("a@x").news()).toBe("b@x");
    expect(await scene.resume("a@x").news()).toBe("");
    expect(scene.turns.waiting).toBe(2);
    expect(await scene.release("b@x").news()).toBe("a@x+");
    expect(await scene.release("a@x").news()).toBe("c@x");
  });

  test("can be released without resuming", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("a@x", "2");
    expect(await scene.news()).toBe("a@x");
    expect(await scene.pause("a@x").pause("a@x").release("a@x").news()).toBe("2");
    expect(scene.turns.active).toBe(1);
  });

  test("can be resumed again after an aborted resume", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("a@x", "2").take("b@x");
    await scene.news();
    const controller = new AbortController();
    expect(await scene.pause("a@x").resume("a@x", controller.signal).news()).toBe("b@x");
    controller.abort();
    expect(await scene.news()).toBe("a@x+:POP3_ABORTED");
    expect(await scene.release("b@x").news()).toBe("");
    // It has the maildrop still, and may try once more.
    expect(await scene.resume("a@x").news()).toBe("a@x+");
    expect(await scene.release("a@x").news()).toBe("2");
  });

  test("can be resumed even if it was never paused", async () => {
    const scene = new Scene({ all: 1 }).take("a@x");
    await scene.news();
    expect(await scene.resume("a@x").news()).toBe("a@x+");
    expect(scene.turns.active).toBe(1);
  });

  test("rejects to resume after the release", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("b@x");
    await scene.news();
    expect(await scene.pause("a@x").resume("a@x").news()).toBe("b@x");
    expect(await scene.release("a@x").news()).toBe("a@x+:POP3_STATE");
    expect(await scene.resume("a@x").news()).toBe("a@x+:POP3_STATE");
    expect(await scene.release("b@x").take("a@x", "2").news()).toBe("2");
  });
});

describe("an abort", () => {
  test("settles at once, and leaves the queue", async () => {
    const scene = new Scene({ all: 1, waiting: 2 }).take("a@x");
    const controller = new AbortController();
    scene.take("b@x", "b@x", controller.signal).take("c@x");
    expect(await scene.news()).toBe("a@x");
    controller.abort();
    expect(await scene.news()).toBe("b@x:POP3_ABORTED");
    expect(scene.turns.waiting).toBe(1);
    expect(await scene.take("d@x").release("a@x").news()).toBe("c@x");
  });

  test("lets the next call for the maildrop move up", async () => {
    const scene = new Scene({ perHost: 1 }).take("b@x");
    const controller = new AbortController();
    scene.take("a@x", "1", controller.signal).take("a@x", "2").take("c@x");
    await scene.news();
    controller.abort();
    expect(await scene.news()).toBe("1:POP3_ABORTED");
    expect(await scene.release("b@x").news()).toBe("2");
  });

  test("removes a call from the middle of the queue of its maildrop", async () => {
    const scene = new Scene().take("a@x", "1").take("a@x", "2");
    const controller = new AbortController();
    scene.take("a@x", "3", controller.signal).take("a@x", "4");
    await scene.news();
    controller.abort();
    expect(await scene.release("1").news()).toBe("3:POP3_ABORTED 2");
    expect(await scene.release("2").news()).toBe("4");
  });

  test("before the call rejects it", async () => {
    const scene = new Scene().take("a@x", "a@x", AbortSignal.abort());
    expect(await scene.news()).toBe("a@x:POP3_ABORTED");
    expect([scene.turns.active, scene.turns.waiting]).toEqual([0, 0]);
  });

  test("after the call got its permit has no effect, and leaves no listener", async () => {
    const controller = new AbortController();
    const scene = new Scene({ all: 1 }).take("a@x", "a@x", controller.signal);
    expect(await scene.news()).toBe("a@x");
    controller.abort();
    expect(await scene.news()).toBe("");
    expect(scene.turns.active).toBe(1);
  });

  test("settles ten thousand calls with one signal", async () => {
    const turns = new Scheduler({ all: 1, perHost: 1, waiting: Infinity });
    const turn = await turns.take({ maildrop: "a", host: "x" });
    const controller = new AbortController();
    const calls = Array.from({ length: 10_000 }, (_, at) =>
      codeOf(turns.take({ maildrop: String(at % 3500), host: String(at % 7) }, controller.signal)),
    );
    controller.abort();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["POP3_ABORTED"]));
    expect(turns.waiting).toBe(0);
    turn.release();
    (await turns.take({ maildrop: "a", host: "x" })).release();
  });
});

test("a permit is released only once", async () => {
  const scene = new Scene().take("a@x", "1").take("a@x", "2").take("a@x", "3");
  await scene.news();
  expect(await scene.release("1", "1").news()).toBe("2");
  expect(await scene.pause("1").news()).toBe("");
  expect(scene.turns.active).toBe(1);
});

test("errors say what happened to the call", async () => {
  const turns = new Scheduler({ all: 1, perHost: 1, waiting: 0 });
  const key = { maildrop: "a", host: "x" };
  const turn = await turns.take(key);
  await expect(turns.take(key)).rejects.toThrow(
    "the pool's queue is full: the limit is 0 waiting calls (maxWaiting)",
  );
  turn.release();
  await expect(turn.resume()).rejects.toThrow("the permit was already released");
  await turns.close();
  await expect(turns.take(key)).rejects.toThrow("the pool is closed: no session was opened for the call");
});

test("a host is forgotten after its last release", async () => {
  const turns = new Scheduler({ all: 1, perHost: 1, waiting: 1 });
  const turn = await turns.take({ maildrop: "a", host: "x" });
  turn.pause();
  // The host is still that of the one that pauses.
  const second = await turns.take({ maildrop: "b", host: "x" });
  const resumed = codeOf(turn.resume());
  expect(turns.activeOn("x")).toBe(1);
  second.release();
  expect(await resumed).toBe("resolved");
  expect(turns.activeOn("x")).toBe(1);
  turn.release();
  expect(turns.activeOn("x")).toBe(0);
});

describe("close()", () => {
  test("rejects waiting and new calls, and waits for the others", async () => {
    const scene = new Scene({ all: 2 }).take("a@x").take("a@x", "2").take("b@y").take("c@z");
    await scene.news();
    let over = false as boolean; // set in a callback, which the compiler does not see
    const closed = scene.turns.close().then(() => (over = true));
    expect((await scene.news()).split(" ").sort()).toEqual(["2:POP3_POOL_CLOSED", "c@z:POP3_POOL_CLOSED"]);
    expect(await scene.take("d@x").news()).toBe("d@x:POP3_POOL_CLOSED");
    expect(await scene.release("a@x").news()).toBe("");
    expect(over).toBe(false);
    expect(await scene.pause("b@y").resume("b@y").news()).toBe("b@y+:POP3_POOL_CLOSED");
    expect(over).toBe(false);
    scene.release("b@y");
    await closed;
    await scene.turns.close();
  });

  test("rejects calls that wait to resume", async () => {
    const scene = new Scene({ all: 1 }).take("a@x").take("b@x");
    await scene.news();
    expect(await scene.pause("a@x").resume("a@x").news()).toBe("b@x");
    const closed = scene.turns.close();
    expect(await scene.news()).toBe("a@x+:POP3_POOL_CLOSED");
    scene.release("a@x", "b@x");
    await closed;
  });

  test("resolves if no call runs", async () => {
    await new Scene().turns.close();
  });

  test("resolves after a permit was paused and resumed", async () => {
    const scene = new Scene().take("a@x");
    await scene.news();
    expect(await scene.pause("a@x").resume("a@x").news()).toBe("a@x+");
    scene.release("a@x");
    await scene.turns.close();
  });
});
