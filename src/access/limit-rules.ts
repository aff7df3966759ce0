// How much is allowed, and how LIMITS changes that. The names are part of the configuration: they never change.
import type { Budget, Place } from './limits.ts';

/** Whom a rule counts apart. */
export type Level = 'address' | 'subject' | 'session' | 'tenant';

/** So many points in so many seconds, from the first one on. */
export interface RateRule {
  name: string;
  budget: Budget;
  level: Level;
  points: number;
  seconds: number;
  description: string;
}

/** So many at once, on one node. */
export interface PlaceRule {
  name: string;
  place: Place;
  level: Level | 'server';
  points: number;
  description: string;
}

export interface LimitRules {
  rates: readonly RateRule[];
  places: readonly PlaceRule[];
}

const MIB = 1024 * 1024;
const MAX_POINTS = 1_000_000_000;
const MAX_SECONDS = 86_400;

export const defaultLimits: LimitRules = {
  rates: [
    rate('connect_address', 'connect', 'address', 120, 10, 'Connections opened'),
    rate('request_address', 'request', 'address', 3_000, 60, 'Operations of any kind'),
    rate('request_subject', 'request', 'subject', 300, 60, 'Operations of any kind'),
    rate('request_tenant', 'request', 'tenant', 60_000, 60, 'Operations of any kind'),
    rate('create_address', 'create', 'address', 120, 60, 'Sessions made'),
    rate('create_subject', 'create', 'subject', 30, 60, 'Sessions made'),
    rate('create_tenant', 'create', 'tenant', 6_000, 60, 'Sessions made'),
    rate('input_session', 'input', 'session', 20, 60, 'Inputs'),
    rate('input_subject', 'input', 'subject', 40, 60, 'Inputs'),
    rate('input_address', 'input', 'address', 240, 60, 'Inputs'),
    rate('input_tenant', 'input', 'tenant', 3_000, 60, 'Inputs'),
    rate('bytes_address', 'bytes', 'address', 16 * MIB, 60, 'Bytes sent to the server'),
    rate('failure_address', 'failure', 'address', 20, 60, 'Tokens that do not count'),
    rate(
      'risk_session',
      'risk',
      'session',
      12,
      60,
      'Inputs that show risk, over the other limits: slowed down',
    ),
    rate(
      'risk_address',
      'risk',
      'address',
      12,
      60,
      'Inputs that show risk, over the other limits: slowed down',
    ),
  ],
  places: [
    place('connections_address', 'connection', 'address', 200, 'Connections at once, on a node'),
    place('connections_subject', 'connection', 'subject', 10, 'Connections at once, on a node'),
    place('connections_all', 'connection', 'server', 20_000, 'Connections at once, on a node'),
    place('turns_subject', 'turn', 'subject', 3, 'Live turns, on a node'),
    place('turns_tenant', 'turn', 'tenant', 1_000, 'Live turns, on a node'),
    place(
      'followers_session',
      'follow',
      'session',
      50,
      'Event streams and polls that wait, at once, on a node',
    ),
    place(
      'followers_subject',
      'follow',
      'subject',
      200,
      'Event streams and polls that wait, at once, on a node',
    ),
  ],
};

function rate(
  name: string,
  budget: Budget,
  level: Level,
  points: number,
  seconds: number,
  description: string,
): RateRule {
  return { name, budget, level, points, seconds, description };
}

function place(
  name: string,
  place: Place,
  level: PlaceRule['level'],
  points: number,
  description: string,
): PlaceRule {
  return { name, place, level, points, description };
}

interface Amount {
  points: number;
  seconds: number | undefined;
}

/**
 * The rules with what LIMITS changes of them: text such as `input_session=40/60,connections_address=200`, a rate in points
 * and seconds (left out: as they are), places as one number.
 * @throws Error of one line that names what is wrong
 */
export function parseLimits(text: string): LimitRules {
  const given = new Map<string, Amount>();
  for (const item of text.split(',').flatMap((part) => part.trim() || [])) {
    const [name, amount] = parseItem(item);
    if (given.has(name)) throw new Error(`LIMITS gives ${name} twice`);
    given.set(name, amount);
  }
  return {
    rates: defaultLimits.rates.map((rule) => {
      const { points = rule.points, seconds = rule.seconds } = given.get(rule.name) ?? {};
      return { ...rule, points, seconds };
    }),
    places: defaultLimits.places.map((rule) => {
      return { ...rule, points: given.get(rule.name)?.points ?? rule.points };
    }),
  };
}

function parseItem(item: string): [name: string, amount: Amount] {
  const [name = '', value = ''] = item.split(/\s*=\s*(.*)/s);
  const isRate = defaultLimits.rates.some((rule) => rule.name === name);
  if (!isRate && !defaultLimits.places.some((rule) => rule.name === name)) {
    const known = [...defaultLimits.rates, ...defaultLimits.places].map((rule) => rule.name);
    throw new Error(`LIMITS knows no ${JSON.stringify(name)}, only ${known.join(', ')}`);
  }
  const shape = isRate ? /^(\d{1,10})(?:\/(\d{1,5}))?$/ : /^(\d{1,10})$/;
  const [, points, seconds] = shape.exec(value) ?? [];
  if (points === undefined) {
    const wanted = isRate ? `points and seconds, such as ${name}=20/60` : `one number, such as ${name}=100`;
    throw new Error(`LIMITS must give ${name} as ${wanted}, not ${JSON.stringify(value)}`);
  }
  return [
    name,
    {
      points: inRange(`${name} in LIMITS`, points, MAX_POINTS),
      seconds:
        seconds === undefined ? undefined : inRange(`The seconds of ${name} in LIMITS`, seconds, MAX_SECONDS),
    },
  ];
}

function inRange(what: string, digits: string, max: number): number {
  const value = Number(digits);
  if (value < 1 || value > max) throw new Error(`${what} must be from 1 to ${max}, not ${digits}`);
  return value;
}

/** The rules as a table in Markdown; the defaults are written as LIMITS takes them. */
export function describeLimits(): string {
  const rates = defaultLimits.rates.map(({ name, level, points, seconds, description }) => {
    return row(`\`${name}\``, level, `\`${points}/${seconds}\``, description);
  });
  const places = defaultLimits.places.map(({ name, level, points, description }) => {
    return row(`\`${name}\``, level, `\`${points}\``, description);
  });
  return [
    row('name', 'for each', 'default', 'what'),
    row('---', '---', '---', '---'),
    ...rates,
    ...places,
  ].join('\n');
}

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;
