// Who comes to the servers of the canary run, with a phrase in all that they hand in, and what each said and was told.
import { z } from 'zod';
import { Right } from '../../src/contract/model.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { BREAKOUT, phrase, phrasesIn } from './canary.ts';
import { filled, freeFields, spoiled } from './canary-fields.ts';
import { doorsOf, newGuest } from './doors.ts';
import type { Guest, Reply } from './doors.ts';
import { newSigner, setOf, tokenOf } from './jwt.ts';
import { rest } from './rest.ts';
import type { Answer, RestOptions } from './rest.ts';
import { bearer } from './tokens.ts';

type Fields = Record<string, unknown>;

const LIFE_S = 3_600;
const signer = newSigner('ES256', phrase('kid'));
const strange = newSigner('ES256', phrase('strange', 'kid'));
/** The keys of the issuer, as a file of the server has them. */
export const keySet = setOf(signer);
export const operatorKey = phrase('operator', 'key', 'of', 'thirty', 'two');

/** Of one tenant all but one. */
const people = {
  owner: ['acme', 'ada'],
  stranger: ['acme', 'bob'],
  foreigner: ['beta', 'ada'],
  leaver: ['acme', 'cyd'],
} as const;
export type Person = keyof typeof people;

/** A token of that person, with a phrase in every claim. */
export function tokenFor(who: Person, key = signer): string {
  const [tenant, name] = people[who];
  const iat = Math.floor(Date.now() / 1_000);
  const say = (claim: string) => phrase(who, 'claim', claim) + BREAKOUT;
  return tokenOf(
    key,
    {
      sub: phrase('sub', name) + BREAKOUT,
      tenant: phrase('tenant', tenant) + BREAKOUT,
      jti: say('jti'),
      name: say('name'),
      email: say('email'),
      locale: phrase(who, 'claim', 'locale'),
      age_band: phrase(who, 'claim', 'age'),
      rights: [...Right.options, say('right')],
      iat,
      exp: iat + LIFE_S,
    },
    { typ: 'JWT', [phrase(who, 'header')]: say('header') },
  );
}

/** Tokens that count for nobody. */
const lies = [
  phrase('liar', 'token'),
  tokenFor('owner', strange),
  `spk_${phrase('liar', 'key')}_${phrase('liar', 'secret')}`,
  `spc_${phrase('liar', 'capability').padEnd(86, 'x')}`,
];

const Ok = z.object({ isOk: z.literal(true) });

export class Cast implements Disposable {
  /** All that somebody was told. */
  readonly told = new Map<string, string>();
  /** `operation.field` of what was said with success. */
  readonly sung = new Set<string>();
  /** How answers began, of any kind. */
  readonly statuses = new Set<number>();
  readonly urls: readonly [string, string];
  readonly #said = new Map<string, string>();
  readonly #guests = new Map<string, Guest & Disposable>();

  /** Sockets come in at the second address, requests at the first. */
  constructor(urls: readonly [string, string]) {
    this.urls = urls;
    for (const who of ['owner', 'stranger', 'foreigner', 'leaver'] as const) this.enter(who, tokenFor(who));
    this.enter('operator', operatorKey);
    this.enter('nobody', null);
    for (const [at, token] of lies.entries()) this.enter(`liar ${at}`, token);
  }

  get everybody(): string[] {
    return [...this.#guests.keys()];
  }

  enter(who: string, token: string | null): void {
    this.#guests.set(who, newGuest(this.urls[1], token, null));
    this.#note(this.#said, who, token ?? '');
  }

  guest(who: string): Guest {
    const guest = this.#guests.get(who);
    if (!guest) throw new Error(`there is no ${who}`);
    return guest;
  }

  /** By one door of the operation. */
  async ask(who: string, name: OperationName, input: Fields, door = 0): Promise<Reply> {
    const way = doorsOf(name)[door];
    if (!way) throw new Error(`${name} has no such door`);
    this.#note(this.#said, who, JSON.stringify(input));
    const reply = await way.ask(this.urls[0], this.guest(who), input);
    this.#note(this.told, who, reply.text);
    this.statuses.add(reply.status);
    return reply;
  }

  /** With a phrase in every field that `given` does not fill; it is to succeed. */
  async must(who: string, name: OperationName, given: Fields = {}, door = 0): Promise<Fields> {
    const input = filled(name, who, given);
    const reply = await this.ask(who, name, input, door);
    if (!Ok.safeParse(reply).success) throw new Error(`${name} was refused: ${reply.text}`);
    for (const field of freeFields(name)) {
      if (phrasesIn(JSON.stringify(input[field]) ?? '').length > 0) this.sung.add(`${name}.${field}`);
    }
    return reply.body;
  }

  /** A request of any kind. */
  async send(who: string, line: string, options: RestOptions = {}): Promise<Answer> {
    const { body = '' } = options;
    this.#note(this.#said, who, `${line} ${typeof body === 'string' ? body : JSON.stringify(body)}`);
    const headers = { ...bearer(this.guest(who).token), ...options.headers };
    const answer = await rest(this.urls[0], line, { ...options, headers });
    this.#note(this.told, who, `${JSON.stringify(answer.headers)} ${answer.text}`);
    this.statuses.add(answer.status);
    return answer;
  }

  /** Everything, by every door, with phrases everywhere; and, of who is let in, with things of the wrong kind everywhere. */
  async tryAll(who: string, names: readonly OperationName[]): Promise<void> {
    const isLetIn = who in people || who === 'operator';
    for (const name of names) {
      for (const door of doorsOf(name).keys()) {
        await this.ask(who, name, filled(name, `${who} ${door}`), door);
        if (isLetIn) await this.ask(who, name, spoiled(name, `${who} ${door}`), door);
      }
    }
  }

  /** Phrases that somebody was told, and that neither they nor their own token had said. */
  unexpected(who: string): string[] {
    const own = new Set(phrasesIn(this.#said.get(who) ?? ''));
    const isOwn = (one: string) => own.has(one) || one.startsWith(phrase(who, 'claim'));
    return phrasesIn(this.told.get(who) ?? '').filter((one) => !isOwn(one));
  }

  [Symbol.dispose](): void {
    for (const guest of this.#guests.values()) guest[Symbol.dispose]();
  }

  #note(where: Map<string, string>, who: string, text: string): void {
    where.set(who, `${where.get(who) ?? ''}${text}\n`);
  }
}
