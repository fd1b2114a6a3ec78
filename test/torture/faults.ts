// Which errors a call is tried with, the most likely one first.

/** By function, or by function and place. `late`: the call is carried out, as when NFS loses the reply. */
const FAULTS: Readonly<Record<string, readonly string[]>> = {
  open: ["EMFILE", "EACCES", "ENOSPC", "EIO", "EINTR", "late EIO"],
  read: ["EIO", "short", "EINTR", "late EIO"],
  write: ["ENOSPC", "short", "EIO", "EDQUOT", "EINTR", "late EIO"],
  fsync: ["EIO", "ENOSPC", "EINTR"],
  fdatasync: ["EIO", "ENOSPC", "EINTR"],
  rename: ["EIO", "ENOSPC", "EACCES", "late EIO"],
  link: ["EIO", "EPERM", "EMLINK", "late EIO", "late EEXIST"],
  unlink: ["EIO", "EACCES", "late EIO", "late ENOENT"],
  mkdir: ["ENOSPC", "EACCES", "EIO", "late EIO", "late EEXIST"],
  stat: ["EIO", "EACCES"],
  scandir: ["EIO", "EMFILE", "EACCES"],
  close: ["EIO", "ENOSPC", "EINTR"],
  ftruncate: ["EIO", "EINTR", "late EIO"],
  copy: ["EIO"],
  access: ["EACCES", "EIO"],
  statfs: ["EIO"],
  realpath: ["EIO"],
  readlink: ["EIO"],
  chmod: ["EPERM", "EIO"],
  fchmod: ["EPERM", "EIO"],
  utimens: ["EIO", "EPERM"],

  socket: ["EMFILE", "ENOBUFS"],
  getaddrinfo: ["EAGAIN", "ENOENT", "EMFILE"],
  connect: ["ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "ETIMEDOUT", "EINTR"],
  getsockopt: ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT"],
  setsockopt: ["EINVAL"],
  shutdown: ["ENOTCONN"],
  "read socket": ["ECONNRESET", "end", "short", "ETIMEDOUT", "EAGAIN", "EINTR", "late ECONNRESET"],
  "write socket": ["EPIPE", "short", "ECONNRESET", "EAGAIN", "EINTR", "late ECONNRESET"],

  "write stdout": ["ENOSPC", "EPIPE", "EIO", "short"],
  "write stderr": ["ENOSPC", "EPIPE", "EIO", "short"],

  fork: ["EAGAIN", "ENOMEM"],
  pipe: ["EMFILE"],
  socketpair: ["EMFILE"],
  // Not "short", which libuv takes for the end, and a pipe never does. A close that fails ends the process in libuv.
  "read pipe": ["EIO", "end", "EINTR"],
  "close pipe": ["EINTR"],
  "write pipe": ["EPIPE"],
};

/** Returns the faults for a function at a place, the most likely one first. Throws if none are known. */
export function faultsFor(name: string, place: string): readonly string[] {
  const faults = FAULTS[`${name} ${place}`] ?? FAULTS[name];
  if (faults === undefined) throw new Error(`no fault is known for ${name}: add it to faults.ts`);
  return faults;
}

/** Whether the same fault is worth a try for all later calls, too: a disk stays full, and files stay open. */
export function isLasting(what: string): boolean {
  return ["ENOSPC", "EIO", "EMFILE", "EACCES", "short", "ECONNREFUSED"].includes(what);
}
