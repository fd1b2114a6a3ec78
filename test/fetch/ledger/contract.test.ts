// Runs the contract of ledgers for both of them.
import { FileLedger } from "../../../src/fetch/ledger/file-ledger.ts";
import { MemoryLedger } from "../../../src/fetch/ledger/memory-ledger.ts";
import { ledgerContract } from "./contract.ts";
import { scratch } from "../../support/scratch.ts";

ledgerContract("MemoryLedger", () => Promise.resolve(new MemoryLedger()));
ledgerContract("FileLedger", async () => new FileLedger(await scratch()));
