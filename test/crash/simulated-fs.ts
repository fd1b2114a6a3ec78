// `node:fs/promises` on the disk of the simulated machine.
import { constants } from "node:fs";
import { FileSystem } from "./file-system.ts";
import { machine } from "./machine.ts";

export { constants };

const files: FileSystem = new FileSystem(machine);

export const open: FileSystem["open"] = files.open;
export const mkdir: FileSystem["mkdir"] = files.mkdir;
export const stat: FileSystem["stat"] = files.stat;
export const lstat: FileSystem["lstat"] = files.lstat;
export const realpath: FileSystem["realpath"] = files.realpath;
export const readdir: FileSystem["readdir"] = files.readdir;
export const link: FileSystem["link"] = files.link;
export const rename: FileSystem["rename"] = files.rename;
export const unlink: FileSystem["unlink"] = files.unlink;
export const rm: FileSystem["rm"] = files.rm;
export const readFile: FileSystem["readFile"] = files.readFile;
export const readlink: FileSystem["readlink"] = files.readlink;
