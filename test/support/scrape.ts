// Reads what Prometheus would read.
import { rest } from './rest.ts';

/** Values of this server by name and labels, without the prefix that all names have. */
export class Scrape {
  readonly text: string;
  readonly #values: ReadonlyMap<string, number>;

  constructor(text: string) {
    this.text = text;
    const lines = text.split('\n').filter((line) => line.startsWith('stillpoint_'));
    this.#values = new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice('stillpoint_'.length, at), Number(line.slice(at))];
      }),
    );
  }

  get(name: string): number | undefined {
    return this.#values.get(name);
  }

  /** Over all labels that match. */
  sum(name: string, labels: Record<string, string> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const [key, value] of this.#values) {
      const [own, inner = ''] = key.split('{');
      if (own === name && wanted.every((one) => inner.includes(one))) sum += value;
    }
    return sum;
  }
}

export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scrape> {
  const { status, text } = await rest(url, 'GET /metrics', { headers });
  if (status !== 200) throw new Error(`/metrics answered ${status}`);
  return new Scrape(text);
}
