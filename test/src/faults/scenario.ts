// What a scenario is: work that makes faults by chance from a seed, and gives figures. In the short form it runs once with little; at length with so many rounds.
export interface Run {
  seed: number;
  /** At least 1. */
  rounds: number;
  /** The long form: longer scripts, more at once. */
  long: boolean;
}

export type Figures = Readonly<Record<string, number | string | Readonly<Record<string, number>>>>;

export interface Report {
  figures: Figures;
  /** Why it is not well; empty when all is well. */
  complaints: readonly string[];
  /** Why it could not run here; the figures are then empty. */
  skipped?: string;
}

export type Scenario = (run: Run) => Promise<Report>;

/** One JSON line: what CI and people compare. */
export function lineOf(name: string, run: Run, report: Report, seconds: number): string {
  const { figures, complaints, skipped } = report;
  return JSON.stringify({
    scenario: name,
    seed: run.seed,
    rounds: run.rounds,
    form: run.long ? "long" : "short",
    ...(skipped === undefined ? figures : { skipped }),
    complaints: complaints.length,
    seconds: Number(seconds.toFixed(1)),
  });
}
