// The interface of a measure: it makes tables. The command line runs the chosen measures in order.
import type { Plan } from "../plan.ts";
import type { Stage } from "../stage.ts";
import type { Table } from "../table.ts";

export interface Measure {
  /** The name on the command line. */
  readonly name: string;
  run(stage: Stage, plan: Plan): Promise<Table[]>;
}
