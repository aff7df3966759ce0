// Figures as people and programs read them: several systems side by side, and ours as a ratio to the first of the others.

/** One figure, of every system it was taken of. */
export interface Row {
  what: string;
  unit: string;
  /** By system, in the order of the part; null where there is nothing to measure. */
  cells: readonly (number | null)[];
  /** What it should be at most (or at least), and whether it is. */
  goal?: { text: string; isMet: boolean };
}

export interface Part {
  /** Short and without blanks: `--only` takes it. */
  name: string;
  title: string;
  /** Ours first, then what it is compared with. */
  systems: readonly string[];
  rows: readonly Row[];
  /** What a reader must know to read the rows right. */
  notes: readonly string[];
  /** Of the machine when the part was over, itself included. */
  load: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? NaN) + high) / 2;
}

/** The value below which so great a share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Three digits that mean something. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(Math.min(digits, 4))).toLocaleString('en', { maximumFractionDigits: 4 });
}

/** Ours over the first of the others; empty where one of them is missing. */
function ratio({ cells: [ours, other] }: Row): string {
  const isThere = typeof ours === 'number' && typeof other === 'number' && other !== 0;
  return isThere ? `${(ours / other).toFixed(2)} ×` : '';
}

const goalOf = ({ goal }: Row): string => (goal ? `${goal.text}: ${goal.isMet ? 'met' : 'MISSED'}` : '');

interface Table {
  head: string[];
  lines: string[][];
}

function tableOf({ systems, rows }: Part): Table {
  const hasRatio = systems.length > 1;
  const head = ['', 'unit', ...systems, ...(hasRatio ? ['ratio'] : []), 'goal'];
  const lines = rows.map((row) => {
    const cells = systems.map((_, at) => figure(row.cells[at]));
    return [row.what, row.unit, ...cells, ...(hasRatio ? [ratio(row)] : []), goalOf(row)];
  });
  return { head, lines };
}

/** For a terminal. */
export function textOf(part: Part): string {
  const { head, lines } = tableOf(part);
  const widths = head.map((name, at) => Math.max(name.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const laid = [head, ...lines].map((line) =>
    line
      .map((cell, at) => {
        const isText = at < 2 || at === head.length - 1;
        return isText ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
  const notes = part.notes.map((note) => `  ${note}`);
  return [`\n${part.title} (load ${part.load})`, ...laid.map((line) => `  ${line}`), ...notes].join('\n');
}

/** For a page in Markdown. */
export function markdownOf(part: Part): string {
  const { head, lines } = tableOf(part);
  const rule = head.map((_, at) => (at < 2 || at === head.length - 1 ? '---' : '---:'));
  const laid = [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`);
  const notes = part.notes.length > 0 ? ['', ...part.notes] : [];
  return [`**${part.title}** (load ${part.load})`, '', ...laid, ...notes].join('\n');
}
