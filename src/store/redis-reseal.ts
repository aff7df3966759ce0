// Encrypts a session that was stored before there was a master key. What is large is copied beside it, and all of it is put in its
// place by one script, if it is as it was seen.
import { randomUUID } from 'node:crypto';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { Sealer } from './vault.ts';
import { moveAlert } from './redis-alerts.ts';
import { moveClient } from './redis-clients.ts';
import { moveGrant } from './redis-grants.ts';
import { moveMessage } from './redis-messages.ts';
import { moveAsked, moveEntry, moveFields } from './redis-records.ts';
import { Fields, listOf, textOf, textsOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** Entries, or fields of turns, copied at once. */
const AT_ONCE = 200;

/** `later`: a turn lives, or something changed meanwhile. */
export type Resealed = 'sealed' | 'done' | 'later';

export class RedisReseal {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;

  constructor(link: RedisLink, keys: RedisKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** The session whose keys begin with `base`. @throws STORE_UNAVAILABLE */
  async reseal(base: string): Promise<Resealed> {
    const fields = Fields.ofList(await this.#link.send(base, 'HGETALL', `${base}:s`));
    if (fields.isEmpty || fields.text('k') !== '') return 'done';
    if ((await this.#link.send(base, 'EXISTS', `${base}:v`)) === 1) return 'later';
    const key = this.#keys.make(base);
    const suffix = randomUUID();
    const [log, asked] = [`l ${suffix}`, `t ${suffix}`];
    const document = {
      epoch: fields.text('epoch'),
      version: fields.text('v'),
      seq: fields.text('seq'),
      client: fields.text('client'),
      fields: { ...moveFields(fields, key), client: moveClient(fields.text('client'), key.sealer) },
      log,
      asked,
      entries: await this.#copyLog(base, log, key.sealer),
      turns: await this.#copyTurns(base, asked, key.sealer),
      alerts: await this.#moved(`${base}:a`, (id, value) => moveAlert(id, value, key.sealer)),
      messages: textsOf(await this.#link.send(base, 'LRANGE', `${base}:m`, '0', '-1')).map((seen) => [
        seen,
        moveMessage(seen, key.sealer),
      ]),
      grants: await this.#moved(`${base}:g`, (id, value) => moveGrant(id, value, key.sealer)),
    };
    const answer = await this.#link.run(steps.reseal, base, [JSON.stringify(document)]);
    if (answer === 'sealed') return 'sealed';
    await this.#link.send(base, 'DEL', `${base}:${log}`, `${base}:${asked}`);
    return answer === 'done' || answer === 'gone' ? 'done' : 'later';
  }

  /** Answers how many entries there are. */
  async #copyLog(base: string, copy: string, sealer: Sealer): Promise<number> {
    let count = 0;
    for (let from = '-'; ;) {
      const range = ['XRANGE', `${base}:l`, from, '+', 'COUNT', String(AT_ONCE)];
      const rows = listOf(await this.#link.send(base, ...range)).map((row) => {
        const [id, entry] = listOf(row);
        const { e = '', d = '' } = pairsOf(textsOf(entry));
        return [textOf(id), e, moveEntry(d, sealer)];
      });
      const last = rows.at(-1)?.[0];
      if (last === undefined) return count;
      await this.#link.run(steps.stage, base, ['log', copy, ...rows.flat()]);
      count += rows.length;
      from = `(${last}`;
    }
  }

  /** Answers how many fields there are. A turn that has ended names itself where it says how. */
  async #copyTurns(base: string, copy: string, sealer: Sealer): Promise<number> {
    const names = textsOf(await this.#link.send(base, 'HKEYS', `${base}:t`));
    const turns = names.filter((name) => !name.endsWith('.e'));
    for (let at = 0; at < turns.length; at += AT_ONCE) {
      const both = turns.slice(at, at + AT_ONCE).flatMap((n) => [n, `${n}.e`]);
      const values = listOf(await this.#link.send(base, 'HMGET', `${base}:t`, ...both));
      const moved = both.flatMap((name, place) => {
        const value = values[place] ?? null;
        if (value === null) return [];
        if (name.endsWith('.e')) return [name, textOf(value)];
        const ended = values[place + 1] ?? null;
        // without an end it is live by now, and the script will say so
        const turnId = ended === null ? '' : Fields.ofJson(textOf(ended)).text('id');
        return [name, moveAsked(textOf(value), turnId, sealer)];
      });
      await this.#link.run(steps.stage, base, ['turns', copy, ...moved]);
    }
    return names.length;
  }

  /** What lies in a hash: id → as it is and as it will be. */
  async #moved(hash: string, move: (id: string, value: string) => string) {
    const found = pairsOf(textsOf(await this.#link.send(hash, 'HGETALL', hash)));
    return Object.fromEntries(Object.entries(found).map(([id, value]) => [id, [value, move(id, value)]]));
  }
}

const pairsOf = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [])));
