// A turn, folded from its frames for clients that show nothing but text: fixed texts stand before and behind the reply.
import type { Frame } from '../../chat/frame.ts';
import { Failure as FailureSchema, SafetyNotice as NoticeSchema } from '../../contract/model.ts';
import type { Failure, Resource, SafetyNotice, TurnState } from '../../contract/types.ts';

/** A text beside the reply, and what it was made of. */
export interface Aside {
  kind: 'disclosure' | 'human' | 'notice';
  text: string;
  data: Record<string, unknown>;
}
const Help = NoticeSchema.omit({ text: true });
export type Help = Omit<SafetyNotice, 'text'>;

type Change =
  | { kind: 'status'; data: Record<string, unknown> }
  | { kind: 'aside'; aside: Aside }
  | { kind: 'help'; help: Help }
  /** The reply as it is now; `isReset`: it may be another one than before. */
  | { kind: 'words'; text: string; isReset: boolean }
  | End;
export interface End {
  kind: 'end';
  state: Extract<TurnState, 'done' | 'failed' | 'cancelled'>;
  text: string;
  failure: Failure | null;
  data: Record<string, unknown>;
}

const ends = {
  'therapist:done': 'done',
  'therapist:error': 'failed',
  'turn:cancelled': 'cancelled',
} as const;
type EndEvent = keyof typeof ends;
const isEnd = (event: string): event is EndEvent => event in ends;

const textIn = (data: Record<string, unknown>, field: string): string =>
  typeof data[field] === 'string' ? data[field] : '';

function without(data: Record<string, unknown>): Record<string, unknown> {
  const { session_id: _, seq: _seq, from: _from, turn_id: _turn, ...rest } = data;
  return rest;
}

export class TurnFold {
  readonly #turnId: string;
  #text = '';
  #help: Help | null = null;
  readonly #front: string[] = [];
  /** What comes once the reply is whole. */
  readonly late: Aside[] = [];
  end: End | undefined;

  constructor(turnId: string) {
    this.#turnId = turnId;
  }

  take({ event, data }: Frame): Change | undefined {
    const { turn_id: turnId } = data;
    if (turnId !== undefined && turnId !== this.#turnId) return undefined;
    if (isEnd(event)) return this.#end(event, data);
    switch (event) {
      case 'therapist:token':
        this.#text += textIn(data, 'text');
        return { kind: 'words', text: this.#text, isReset: false };
      case 'therapist:reset':
        this.#text = textIn(data, 'text');
        return { kind: 'words', text: this.#text, isReset: true };
      case 'turn:queued':
        return { kind: 'status', data: { phase: 'queued', ...without(data) } };
      case 'turn:status':
        return { kind: 'status', data: without(data) };
      case 'disclosure':
        return this.#aside('disclosure', textIn(data, 'text'), data);
      case 'human:message':
        // words that are the reply of this turn come with its end
        if (turnId !== undefined) return undefined;
        return this.#aside('human', `${textIn(data, 'name')}: ${textIn(data, 'text')}`, data);
      case 'server:notice':
        return this.#aside('notice', textIn(data, 'text'), data);
      case 'safety:resources':
        this.#help = Help.parse(data);
        return { kind: 'help', help: this.#help };
      default:
        return undefined;
    }
  }

  /** All of it, as one text. */
  get whole(): string {
    return [...this.#front, this.#text, ...this.behind].filter((text) => text !== '').join('\n\n');
  }

  /** What is said once the reply is whole. */
  get behind(): string[] {
    return [...this.late.map(({ text }) => text), this.helpList].filter((text) => text !== '');
  }

  /** Places to get help that no text named yet, a line for each; '' where there are none. */
  get helpList(): string {
    return this.#help ? linesOf(this.#help.resources, [...this.#front, this.#text].join('\n')) : '';
  }

  /** Before the first word of the reply it stands in front of it, else behind. */
  #aside(kind: Aside['kind'], text: string, data: Record<string, unknown>): Change | undefined {
    if (text === '') return undefined;
    const aside = { kind, text, data: without(data) };
    if (this.#text !== '' || kind === 'notice') {
      this.late.push(aside);
      return undefined;
    }
    this.#front.push(text);
    return { kind: 'aside', aside };
  }

  #end(event: EndEvent, data: Record<string, unknown>): Change {
    const state = ends[event];
    this.#text = textIn(data, state === 'done' ? 'therapist_response' : 'text');
    const failure = state === 'failed' ? FailureSchema.parse(data['error']) : null;
    this.end = { kind: 'end', state, text: this.#text, failure, data };
    return this.end;
  }
}

/** Places that `said` does not name, a line for each. */
function linesOf(resources: readonly Resource[], said: string): string {
  return resources
    .filter(({ phone, sms, url }) => ![phone, sms, url].some((way) => way && said.includes(way)))
    .map(({ name, phone, sms, url, hours }) => {
      const ways = [phone, sms, url].filter((way) => way !== undefined && way !== '');
      return `${name}: ${ways.join(' · ')}${hours === '' ? '' : ` (${hours})`}`;
    })
    .join('\n');
}

/** The words of a refusal that carries help. [P-1] */
export function helpText({ text, resources }: SafetyNotice): string {
  const list = linesOf(resources, text);
  return list === '' ? text : `${text}\n\n${list}`;
}
