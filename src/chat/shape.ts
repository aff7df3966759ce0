// Refuses what no schema should have to look at. Without recursion: the nesting may be as deep as a message is long.
import type { FaultDetail } from '../contract/types.ts';

/** SAFETY.md SEC-32; keys and items of one object or array, and values in all. */
const DEPTH_MAX = 8;
const WIDTH_MAX = 256;
const VALUES_MAX = 10_000;

interface Node {
  value: unknown;
  depth: number;
  key: string | number;
  parent: Node | null;
}

function pathOf(node: Node): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at: Node | null = node; at?.parent; at = at.parent) path.unshift(at.key);
  return path;
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

const notUnicode = { msg: 'must be well-formed Unicode', type: 'string_unicode' };
const notJson = { msg: 'must be JSON', type: 'json_type' };

type Fault = Omit<FaultDetail, 'loc'>;

function leafFault(value: unknown, isRoot: boolean): Fault | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : notUnicode;
  const isJson = value === null || typeof value === 'boolean' || Number.isFinite(value);
  return isJson || isRoot ? undefined : notJson;
}

function faultOf({ value, depth, key, parent }: Node): Fault | undefined {
  if (typeof key === 'string' && !key.isWellFormed()) return notUnicode;
  if (typeof value !== 'object' || value === null) return leafFault(value, parent === null);
  if (!Array.isArray(value) && !isPlain(value)) return notJson;
  if (depth > DEPTH_MAX) return { msg: `must not be nested deeper than ${DEPTH_MAX}`, type: 'too_deep' };
  const width = Array.isArray(value) ? value.length : Object.keys(value).length;
  if (width <= WIDTH_MAX) return undefined;
  return { msg: `must not have more than ${WIDTH_MAX} members`, type: 'too_wide' };
}

/** The first thing in a payload that is too deep, too wide, too large or not JSON. */
export function findExcess(payload: unknown): FaultDetail | undefined {
  const open: Node[] = [{ value: payload, depth: 1, key: '', parent: null }];
  for (let seen = 1; ; seen++) {
    const node = open.pop();
    if (!node) return undefined;
    const fault = seen > VALUES_MAX ? { msg: 'has too many values', type: 'too_large' } : faultOf(node);
    if (fault)
      return {
        loc: pathOf(node).map((part) => (typeof part === 'string' ? part.slice(0, 100) : part)),
        ...fault,
      };
    if (typeof node.value !== 'object' || node.value === null) continue;
    const depth = node.depth + 1;
    const members: [string | number, unknown][] = Array.isArray(node.value)
      ? node.value.map((value: unknown, index): [number, unknown] => [index, value])
      : Object.entries(node.value);
    for (const [key, value] of members) open.push({ value, depth, key, parent: node });
  }
}
