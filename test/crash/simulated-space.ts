// `src/fetch/files/process-space.ts` for simulated processes: the machine decides which of them are alive.
import { randomBytes } from "node:crypto";
import { machine } from "./machine.ts";

export const PROCESS_NAME: string = String.raw`\d+-[0-9a-f]{16}-[0-9a-f]{16}`;

export function processSpace(): Promise<string> {
  return Promise.resolve(`host ${machine().boot}`);
}

export function isDead(pid: number): boolean {
  return !machine().isAlive(pid);
}

export function processName(): Promise<string> {
  return Promise.resolve([machine().process.pid, space(), randomBytes(8).toString("hex")].join("-"));
}

export function isNameOfDead(name: string): Promise<boolean> {
  const [pid, of] = name.split("-", 2);
  return Promise.resolve(of === space() && isDead(Number(pid)));
}

function space(): string {
  return machine().boot.toString(16).padStart(16, "0");
}
