import { describe, expect, it } from 'vitest';
import { parseWebhooks } from '../../../src/ops/outbox-file.ts';
import { Receivers } from '../../../src/ops/outbox-receivers.ts';

const secret = 'a-secret-of-thirty-two-characters';
const entry = (more: object = {}) => ({ name: 'crm', url: 'https://crm.example/hook', secret, ...more });
const parse = (...entries: unknown[]) => parseWebhooks(JSON.stringify(entries));

describe('the file of webhooks', () => {
  it('tells the tenant `default` all events, unless it says otherwise', () => {
    const [first, second] = parse(
      entry(),
      entry({ name: 'other', tenant: '*', events: ['turn.done'], private: true, url: 'http://crm:8080/' }),
    );

    expect(first).toEqual({
      ...entry(),
      tenant: 'default',
      events: ['session.created', 'turn.done', 'session.completed', 'session.deleted'],
      private: false,
    });
    expect(second).toMatchObject({ tenant: '*', events: ['turn.done'], url: 'http://crm:8080/' });
    expect(parse()).toEqual([]);
  });

  it.each([
    ['no array', '{}', 'it is no JSON array'],
    ['no JSON', `[{"secret":"${secret}"`, 'it is no JSON array'],
    ['no object', '["x"]', 'entry 1: it has name, url and secret, and maybe tenant, events and private'],
  ])('is refused where it is %s', (_, text, reason) => {
    expect(() => parseWebhooks(text)).toThrow(`The file of webhooks cannot be used: ${reason}`);
  });

  it.each([
    [{ name: '' }, 'name must be 1 to 64 characters'],
    [{ tenant: 7 }, 'tenant must be the name of a tenant, or *'],
    [{ url: 'crm.example' }, 'url must be an http or https address, in full'],
    [{ url: 'ftp://crm.example' }, 'url must be an http or https address, in full'],
    [{ url: 'http://crm.example' }, 'url must be https, unless the entry is private'],
    [{ url: 'https://ann:pass@crm.example' }, 'url must have no name and no password in it'],
    [{ url: 'https://10.0.0.7/hook' }, 'url has a private address, and the entry is not private'],
    [{ url: 'https://[::ffff:127.0.0.1]/' }, 'url has a private address, and the entry is not private'],
    [{ secret: 'short' }, 'secret must be at least 32 printable ASCII characters without spaces'],
    [{ secret: `${secret} ` }, 'secret must be at least 32 printable ASCII characters without spaces'],
    [{ events: [] }, 'events must be some of session.created, turn.done'],
    [{ events: ['turn.failed'] }, 'events must be some of session.created, turn.done'],
    [{ private: 'yes' }, 'private must be true or false'],
    [{ header: 'x' }, 'it has name, url and secret, and maybe tenant, events and private'],
  ])('refuses %j in one line that quotes nothing', (more, reason) => {
    let message = '';
    try {
      parse(entry({ name: 'first' }), entry(more));
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }

    expect(message).toContain(`The file of webhooks cannot be used: entry 2: ${reason}`);
    expect(message).not.toMatch(/\n|a-secret|pass@/);
  });

  it('refuses two receivers of one name', () => {
    expect(() => parse(entry(), entry())).toThrow('two entries have one name');
  });
});

describe('receivers', () => {
  const event = { type: 'session.created', data: { session_id: 's', epoch: 'e' } } as const;

  it('are told what they want to know, of their tenant or of all', async () => {
    await using receivers = new Receivers(() => 0);
    receivers.set(
      parse(
        entry({ name: 'a', tenant: 'clinic' }),
        entry({ name: 'b', tenant: '*' }),
        entry({ name: 'c', tenant: 'clinic', events: ['turn.done'] }),
        entry({ name: 'd' }),
      ),
    );
    const idOf = (name: string) => receivers.all.find((one) => one.entry.name === name)?.id;

    const told = receivers.messages('clinic', event);

    expect(told.map(({ receiver }) => receiver)).toEqual([idOf('a'), idOf('b')]);
    expect(new Set(told.map(({ messageId }) => messageId)).size).toBe(2);
    expect(told.map(({ messageId: id, body }) => [id, JSON.parse(body)])).toEqual(
      told.map(({ messageId: id }) => [
        id,
        { id, time: '1970-01-01T00:00:00.000Z', tenant: 'clinic', ...event },
      ]),
    );
    expect(receivers.messages('other', event)).toHaveLength(1);
  });

  it('keep their id while the rest of their entry changes, and are opened anew only then', async () => {
    await using receivers = new Receivers(() => 0);
    receivers.set(parse(entry(), entry({ name: 'b' })));
    const [crm, other] = receivers.all;

    receivers.set(parse(entry({ url: 'https://new.example/' }), entry({ name: 'b' })));

    expect(receivers.all[0]).toMatchObject({ id: crm?.id, entry: { url: 'https://new.example/' } });
    expect(receivers.all[0]?.webhook).not.toBe(crm?.webhook);
    expect(receivers.all[1]).toBe(other);
  });
});
