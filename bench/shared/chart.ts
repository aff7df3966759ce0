// A picture of curves: lines on two logarithmic axes, where what grows alike is a straight line. One SVG without scripts or fonts,
// which follows whether its reader likes it dark.

interface Line {
  name: string;
  /** Ascending by x; all above 0. */
  points: readonly { x: number; y: number }[];
}

export interface Chart {
  title: string;
  /** What it shows, for who does not see it. */
  description: string;
  /** What the axes are, with their units. */
  x: string;
  y: string;
  lines: readonly Line[];
}

interface Axis {
  min: number;
  max: number;
  ticks: number[];
  /** Where a value is, in the picture. */
  at: (value: number) => number;
}

interface Label {
  text: string;
  at: number;
  y: number;
  color: number;
}

const WIDTH = 760;
const HEIGHT = 430;
const plot = { left: 70, right: 510, top: 62, bottom: 370 };
const LABEL_GAP = 17;
/** Colors that people who see few of them tell apart too; for light and for dark. */
const colors = [
  ['#0060a8', '#6cb6ff'],
  ['#b34700', '#ff9e4a'],
  ['#007a52', '#3fd49c'],
  ['#a3177a', '#f08ad0'],
  ['#5b5f00', '#d6cf3a'],
  ['#5a3fb5', '#b8a3ff'],
  ['#8a1c1c', '#ff8f8f'],
  ['#00707a', '#4fd3df'],
  ['#4d4d4d', '#c4c4c4'],
] as const;
/** So that a line is also known without its color. */
const dashes = ['', '7 3', '2 3', '9 3 2 3'];

const STYLE = [
  'svg{color-scheme:light dark;font:13px system-ui,sans-serif}',
  '.bg{fill:#fff}text{fill:#222}.t{font-size:16px;font-weight:600}.g{stroke:#ddd}.a{fill:#555}',
  '.l{fill:none;stroke-width:2}.one{stroke:#999;stroke-dasharray:3 4}',
  ...colors.map(([light], n) => `.c${n}{stroke:${light}}.f${n}{fill:${light}}`),
  '@media(prefers-color-scheme:dark){.bg{fill:#15181c}text{fill:#e8e8e8}.g{stroke:#33383f}.a{fill:#a8adb4}',
  ...colors.map(([, dark], n) => `.c${n}{stroke:${dark}}.f${n}{fill:${dark}}`),
  '}',
].join('');

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (char) => escapes[char] ?? char);
/** No more digits than a screen shows. */
const px = (value: number): string => String(Number(value.toFixed(1)));
function shown(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1) return value.toLocaleString('en', { maximumFractionDigits: 1 });
  return String(Number(value.toPrecision(1)));
}

/** Powers of ten; and 2 and 5 times those where there would be few. */
function ticksIn(min: number, max: number): number[] {
  const from = Math.floor(Math.log10(min));
  const to = Math.ceil(Math.log10(max));
  const steps = to - from >= 2 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = from; power <= to; power += 1)
    for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(1)));
  return ticks;
}

/** From the tick below the least value to the one above the greatest, where it is widened; else from value to value. */
function axisOf(values: readonly number[], from: number, to: number, isWidened: boolean): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const all = ticksIn(least, most);
  const below = all.findLast((tick) => tick <= least) ?? least;
  const above = all.find((tick) => tick >= most && tick > below) ?? most * 10;
  const [min, max] = isWidened ? [below, above] : [least, most];
  const ticks = all.filter((tick) => tick >= min && tick <= max);
  const width = Math.log10(max / min) || 1;
  const at = (value: number) => from + (Math.log10(value / min) / width) * (to - from);
  return { min, max, ticks, at };
}

/** Pushes labels apart that would lie on one another, and back into the picture. */
function spread(labels: readonly Label[]): Label[] {
  const sorted = labels.toSorted((a, b) => a.at - b.at);
  let free = plot.top;
  const down = sorted.map((label) => {
    const y = Math.max(label.at, free);
    free = y + LABEL_GAP;
    return { ...label, y };
  });
  let room = plot.bottom;
  return down.toReversed().map((label) => {
    const y = Math.min(label.y, room);
    room = y - LABEL_GAP;
    return { ...label, y };
  });
}

function gridOf(x: Axis, y: Axis): string[] {
  const { left, right, top, bottom } = plot;
  return [
    ...y.ticks.map((tick) => `<path class="g" d="M${left} ${px(y.at(tick))}H${right}"/>`),
    ...y.ticks.map(
      (tick) =>
        `<text class="a" x="${left - 8}" y="${px(y.at(tick) + 4)}" text-anchor="end">${shown(tick)}</text>`,
    ),
    ...x.ticks.map((tick) => `<path class="g" d="M${px(x.at(tick))} ${top}V${bottom}"/>`),
    ...x.ticks.map(
      (tick) =>
        `<text class="a" x="${px(x.at(tick))}" y="${bottom + 20}" text-anchor="middle">${shown(tick)}</text>`,
    ),
  ];
}

/** How steep a line is that grows as fast as what lies along the axis: from the lower left corner on. */
function linear(x: Axis, y: Axis): string {
  const reach = Math.min(x.max / x.min, y.max / y.min);
  const [toX, toY] = [x.at(x.min * reach), y.at(y.min * reach)];
  return (
    `<path class="one" d="M${px(x.at(x.min))} ${px(y.at(y.min))}L${px(toX)} ${px(toY)}"/>` +
    `<text class="a" x="${px(toX - 6)}" y="${px(Math.max(toY + 4, plot.top + 12))}" text-anchor="end">linear</text>`
  );
}

function lineOf({ points }: Line, n: number, x: Axis, y: Axis): string {
  const color = n % colors.length;
  const at = points.map((point) => `${px(x.at(point.x))} ${px(y.at(point.y))}`);
  const dash = dashes[n % dashes.length] ?? '';
  const dots = points.map(
    (point) => `<circle class="f${color}" cx="${px(x.at(point.x))}" cy="${px(y.at(point.y))}" r="3"/>`,
  );
  const dashed = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  return `<path class="l c${color}"${dashed} d="M${at.join('L')}"/>${dots.join('')}`;
}

/** The whole file. */
export function svgOf({ title, description, x: xName, y: yName, lines }: Chart): string {
  const points = lines.flatMap((line) => line.points);
  const x = axisOf(
    points.map((point) => point.x),
    plot.left,
    plot.right,
    false,
  );
  const y = axisOf(
    points.map((point) => point.y),
    plot.bottom,
    plot.top,
    true,
  );
  const labels = lines.map(({ name, points }, n) => {
    const last = points.at(-1)?.y ?? y.min;
    const at = y.at(last);
    return { text: `${name}: ${shown(Number(last.toPrecision(3)))}`, at, y: at, color: n % colors.length };
  });
  const { left, right, bottom } = plot;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title><desc id="desc">${escaped(description)}</desc>`,
    `<style>${STYLE}</style><rect class="bg" width="${WIDTH}" height="${HEIGHT}"/>`,
    `<text class="t" x="${left - 50}" y="26">${escaped(title)}</text>`,
    `<text class="a" x="${left - 50}" y="47">${escaped(yName)}</text>`,
    `<text class="a" x="${(left + right) / 2}" y="${bottom + 45}" text-anchor="middle">${escaped(xName)}</text>`,
    ...gridOf(x, y),
    linear(x, y),
    ...lines.map((line, n) => lineOf(line, n, x, y)),
    ...spread(labels).map(
      ({ text, y, color }) =>
        `<circle class="f${color}" cx="${right + 12}" cy="${px(y)}" r="4"/>` +
        `<text x="${right + 21}" y="${px(y + 4)}">${escaped(text)}</text>`,
    ),
    '</svg>\n',
  ].join('\n');
}
