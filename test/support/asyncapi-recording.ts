// What really went over sockets of the official client, frame by frame, held against an AsyncAPI document.
import type { Socket } from 'socket.io-client';
import { z } from 'zod';
import type { AsyncApi } from './asyncapi-document.ts';
import { isObject, parseJson, Schemas } from './openapi-schema.ts';
import type { JsonObject } from './openapi-schema.ts';

interface Frame {
  connection: number;
  way: 'in' | 'out';
  text: string;
}

const Args = z.array(z.unknown());
/** Type, number of the ack, arguments. */
const packet = /^([0-6])(\d*)(.*)$/s;

export class Recording {
  readonly frames: Frame[] = [];
  /** `event message`, of all that went either way. */
  readonly seen = new Set<string>();
  readonly findings = new Set<string>();
  readonly api: AsyncApi;
  readonly #schemas: Schemas;
  /** Events whose acks are still to come, by connection and number. */
  readonly #asked = new Map<string, string>();
  #connections = 0;

  constructor(api: AsyncApi) {
    this.api = api;
    this.#schemas = new Schemas(api.schemas, '2019');
  }

  /** From its first packet on: to be called in the step that makes the socket. */
  take(socket: Socket): void {
    const connection = this.#connections++;
    const keep = (way: Frame['way']) => (raw: { type: string; data?: unknown }) => {
      if (raw.type === 'message') this.frames.push({ connection, way, text: String(raw.data) });
    };
    socket.io.engine.on('packet', keep('in'));
    socket.io.engine.on('packetCreate', keep('out'));
  }

  /** Looks at every frame in the order in which they went. */
  judge(): void {
    for (const frame of this.frames) this.#look(frame);
  }

  #look({ connection, way, text }: Frame): void {
    const [, type, number = '', rest = ''] = packet.exec(text) ?? [];
    if (type === '2') this.#event(way, `${connection} ${number}`, number !== '', rest);
    else if (type === '3' && way === 'in') this.#ack(`${connection} ${number}`, rest);
    else if (type === '4' && way === 'in') this.#refusedConnection(rest);
    else if (type !== '0' && type !== '1') this.#find(`a packet of type ${type} went ${way}`);
  }

  #event(way: Frame['way'], call: string, wantsAck: boolean, text: string): void {
    const [name, payload = null, ...extra] = Args.parse(parseJson(text)?.value);
    const event = String(name);
    if (extra.length > 0) this.#find(`${event} has more than one payload`);
    if (way === 'out') this.#sent(event, wantsAck ? call : null, payload);
    else if (wantsAck) this.#find(`${event} asks for an ack`);
    else this.#came(event, payload);
  }

  #sent(event: string, call: string | null, payload: unknown): void {
    if (this.api.events.get(event)?.action !== 'receive') this.#find(`${event} is sent and not documented`);
    if (call !== null) this.#asked.set(call, event);
    this.#message(event, 'request', payload);
  }

  #came(event: string, payload: unknown): void {
    const asked = /^(.*):result$/.exec(event)?.[1];
    if (asked !== undefined) return this.#answer(asked, payload);
    const row = this.api.events.get(event);
    if (row?.action !== 'send') return this.#find(`${event} came and is not documented`);
    this.#message(event, 'push', payload);
    const hasSeq = isObject(payload) && 'seq' in payload;
    if (hasSeq !== row.isLogged) this.#find(`${event} ${hasSeq ? 'has' : 'has no'} seq`);
  }

  #ack(call: string, text: string): void {
    const [answer, ...extra] = Args.parse(parseJson(text)?.value);
    const event = this.#asked.get(call);
    if (event === undefined || extra.length > 0) this.#find(`an ack of nothing: ${text.slice(0, 100)}`);
    else this.#answer(event, answer);
    this.#asked.delete(call);
  }

  #answer(event: string, answer: unknown): void {
    const isOk = isObject(answer) && answer['ok'] === true;
    this.#message(event, isOk ? 'ok' : 'refused', answer);
    const error = isObject(answer) ? answer['error'] : undefined;
    const code = isObject(error) ? JSON.stringify(error['code']) : '';
    const codes = this.api.events.get(event)?.errors.map((one) => JSON.stringify(one)) ?? [];
    if (!isOk && !codes.includes(code)) this.#find(`${event} is refused with ${code}`);
  }

  #refusedConnection(text: string): void {
    this.seen.add('connect_error');
    const value = parseJson(text)?.value;
    const data = isObject(value) ? value['data'] : undefined;
    const faults = this.#schemas.strictFaults({ $ref: '#/components/schemas/Failure' }, data);
    if (faults !== '') this.#find(`connect_error:${faults}`);
  }

  #message(event: string, name: string, payload: unknown): void {
    this.seen.add(`${event} ${name}`);
    const schema = this.api.events.get(event)?.payloads.get(name);
    const faults = schema ? this.#faults(name, schema, payload) : ' is not documented';
    if (faults !== '') this.#find(`${event} ${name}:${faults}`);
  }

  /** What a client sends may have more than the document says; what the server sends may not. */
  #faults(name: string, schema: JsonObject, payload: unknown): string {
    return name === 'request'
      ? this.#schemas.faults(schema, payload)
      : this.#schemas.strictFaults(schema, payload);
  }

  #find(fault: string): void {
    this.findings.add(fault);
  }
}
