// A DLL for Windows on x64 without code of its own: its one function is a function of another DLL.

/** Each part of the file begins at a multiple of this, and so does its copy in memory at {@link PAGE}. */
const PART = 0x200;
const PAGE = 0x1000;
/** Where the parts of the header are. */
const [PE, OPTIONAL, SECTION] = [0x80, 0x98, 0x188];

export interface Forwarding {
  /** The name of the DLL: `bcryptprimitives.dll`. */
  readonly dll: string;
  readonly name: string;
  /** The function that it is: `advapi32.SystemFunction036`. */
  readonly target: string;
}

/** The bytes of the DLL. Format: https://learn.microsoft.com/windows/win32/debug/pe-format */
export function forwardingDll({ dll, name, target }: Forwarding): Buffer {
  const file = Buffer.alloc(2 * PART);
  file.write("MZ", 0, "latin1");
  file.writeUInt32LE(PE, 0x3c);
  file.write("PE\0\0", PE, "latin1");
  file.writeUInt16LE(0x8664, PE + 4); // x64
  file.writeUInt16LE(1, PE + 6); // one section
  file.writeUInt16LE(SECTION - OPTIONAL, PE + 20);
  file.writeUInt16LE(0x2022, PE + 22); // an executable file, large addresses, a DLL
  file.writeUInt16LE(0x20b, OPTIONAL); // PE32+
  file.writeBigUInt64LE(0x1_8000_0000n, OPTIONAL + 24); // the address it would like to have
  file.writeUInt32LE(PAGE, OPTIONAL + 32);
  file.writeUInt32LE(PART, OPTIONAL + 36);
  file.writeUInt16LE(6, OPTIONAL + 40); // for Windows Vista and later
  file.writeUInt16LE(6, OPTIONAL + 48);
  file.writeUInt32LE(2 * PAGE, OPTIONAL + 56); // its size in memory
  file.writeUInt32LE(PART, OPTIONAL + 60); // the size of the header
  file.writeUInt16LE(2, OPTIONAL + 68); // no console of its own
  file.writeUInt16LE(0x140, OPTIONAL + 70); // may be at any address, holds no code on its stack
  file.writeUInt32LE(16, OPTIONAL + 108); // 16 tables, of which the first is that of the exports
  file.writeUInt32LE(PAGE, OPTIONAL + 112);
  file.writeUInt32LE(PART, OPTIONAL + 116);
  file.write(".rdata", SECTION, "latin1");
  file.writeUInt32LE(PART, SECTION + 8);
  file.writeUInt32LE(PAGE, SECTION + 12);
  file.writeUInt32LE(PART, SECTION + 16);
  file.writeUInt32LE(PART, SECTION + 20);
  file.writeUInt32LE(0x4000_0040, SECTION + 36); // data, to be read

  const exports = file.subarray(PART);
  const [functions, names, ordinals, dllAt, nameAt, targetAt] = [0x30, 0x38, 0x40, 0x60, 0x80, 0xc0] as const;
  exports.writeUInt32LE(PAGE + dllAt, 12);
  for (const at of [16, 20, 24]) exports.writeUInt32LE(1, at); // numbered from 1 on; one function, with one name
  exports.writeUInt32LE(PAGE + functions, 28);
  exports.writeUInt32LE(PAGE + names, 32);
  exports.writeUInt32LE(PAGE + ordinals, 36);
  // An address within the table of exports is a name: that of the function elsewhere.
  exports.writeUInt32LE(PAGE + targetAt, functions);
  exports.writeUInt32LE(PAGE + nameAt, names);
  exports.write(dll, dllAt, "latin1");
  exports.write(name, nameAt, "latin1");
  exports.write(target, targetAt, "latin1");
  return file;
}
